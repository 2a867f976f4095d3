"""What is taken for the value of a script, and what for none."""

from __future__ import annotations

from typing import Any

import pytest

from directory.values.script_returns import LONGEST_NAME, MOST_NAMES, Returns, name, names, truth

TRUTH, NAME = truth(), name(expected="a note as text", one="a note")
NAMES = names(expected="an array of tags", one="a tag", many="tags")


@pytest.mark.parametrize(
    ("returns", "value", "taken"),
    [
        (TRUTH, True, True),
        (TRUTH, False, False),
        (NAME, None, None),
        (NAME, "n" * LONGEST_NAME, "n" * LONGEST_NAME),
        (NAMES, None, None),
        (NAMES, [], ()),
        (NAMES, ["a", "b"], ("a", "b")),
        (NAMES, ["n"] * MOST_NAMES, ("n",) * MOST_NAMES),
    ],
)
def test_a_value_of_the_kind_is_taken(returns: Returns[Any], value: object, taken: object) -> None:
    assert returns.check(value) == taken
    # As it was stored and is read again.
    assert returns.check(taken) == taken


@pytest.mark.parametrize(
    ("returns", "value"),
    [
        (TRUTH, None),
        (TRUTH, 1),
        (TRUTH, "true"),
        (NAME, 1),
        (NAME, ["a"]),
        (NAME, "n" * (LONGEST_NAME + 1)),
        (NAME, "two\nlines"),
        (NAME, "half \ud800"),
        (NAMES, "a"),
        (NAMES, [None]),
        (NAMES, ["a", 1]),
        (NAMES, ["two\nlines"]),
        (NAMES, ["n"] * (MOST_NAMES + 1)),
    ],
)
def test_another_value_is_none(returns: Returns[Any], value: object) -> None:
    with pytest.raises(ValueError, match=r"neither true nor false|no name|no list of names"):
        returns.check(value)
