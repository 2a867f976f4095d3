"""Which tests go with a push: none is forgotten, and those about the database go on both."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from tests import turns
from tests.turns import goes

FOLDERS = [
    "tests/unit/orgs/",
    "tests/unit/pages/",
    "tests/integration/",
    "tests/browser/",
    "tests/servers/",
    "tests/faults/",
]
NAMES = st.builds("{}test_{}.py::test_{}".format, st.sampled_from(FOLDERS), st.integers(0, 99), st.integers(0, 99))
MARKS = st.sets(st.sampled_from(["database", "in_turns", "django_db"]))


def times(name: str, marks: Collection[str], *, needs_database: bool) -> list[int]:
    """Return on how many databases a test goes with each of six pushes that follow one another."""
    goes_now = partial(goes, name, marks, needs_database=needs_database)
    databases = (False, True) if needs_database else (False,)
    return [sum(goes_now(now=now, on_postgres=postgres) for postgres in databases) for now in range(600, 606)]


@given(NAMES, MARKS, st.booleans())
def test_each_test_goes_within_three_pushes(name: str, marks: set[str], needs_database: bool) -> None:
    found = times(name, marks, needs_database=needs_database)

    assert sum(found[:3]) >= 1
    assert sum(found[3:]) >= 1


@given(NAMES.filter(lambda name: not name.startswith(turns.FOLDERS_IN_TURNS)), st.booleans())
def test_a_test_that_has_no_turns_goes_with_every_push(name: str, needs_database: bool) -> None:
    assert min(times(name, {"django_db"}, needs_database=needs_database)) >= 1


@pytest.mark.parametrize("folder", ["tests/integration/", "tests/unit/pages/"])
def test_a_test_about_the_database_goes_on_both_with_every_push(folder: str) -> None:
    assert times(f"{folder}test_x.py::test_y", {"database"}, needs_database=True) == [2] * 6
    assert times(f"{folder}test_x.py::test_y", set(), needs_database=True) == [1] * 6


@given(NAMES)
def test_a_test_of_a_run_changes_its_database_with_each_push(name: str) -> None:
    name = name.replace(name.partition("test_")[0], "tests/integration/")
    on_postgres = [goes(name, set(), now=now, needs_database=True, on_postgres=True) for now in range(4)]

    assert on_postgres in ([True, False] * 2, [False, True] * 2)


def test_the_turn_is_the_number_of_commits_or_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TURN", raising=False)
    assert turns.turn() > 0

    monkeypatch.setenv("TURN", "7")
    assert turns.turn() == 7


def test_a_copy_without_git_takes_its_turns_by_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TURN", raising=False)
    monkeypatch.setitem(os.environ, "GIT_DIR", "/nowhere")

    with time_machine.travel(datetime(2026, 12, 1, 23, 59, tzinfo=UTC), tick=False):
        assert turns.turn() == datetime(2026, 12, 1, tzinfo=UTC).toordinal()
