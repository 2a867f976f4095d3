"""What a script may return: the kinds of values, and how each is checked when it comes out of the sandbox. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

LONGEST_NAME, MOST_NAMES = 255, 64
# Control characters, the other line ends, and halves of surrogate pairs.
BROKEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Returns(Generic[T]):
    """A kind of value, in both places where it is read.

    ``reader`` names the function of READERS in prelude.js that takes what the script returned, whatever that is, or refuses
    it in a sentence with these ``words``. ``check`` takes what comes from there, or from a stored verdict, as JSON; it raises
    ValueError for anything that the reader never returns.
    """

    reader: str
    check: Callable[[object], T]
    words: Mapping[str, str]


def truth() -> Returns[bool]:
    """Return the kind of a value of which JavaScript decides whether it is true; nothing is an error."""
    return Returns("truth", _truth, {"expected": "true or false"})


def name(*, expected: str, one: str) -> Returns[str | None]:
    """Return the kind of a name, None for nothing: errors go on from "returned 5 instead of", and "returned", "of ..."."""
    return Returns("name", _name, {"expected": expected, "one": one})


def names(*, expected: str, one: str, many: str) -> Returns[tuple[str, ...] | None]:
    """Return the kind of a list of names, or of a single one; None for nothing, which is not an empty list."""
    return Returns("names", _names, {"expected": expected, "one": one, "many": many})


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("neither true nor false")


def _name(value: object) -> str | None:
    return None if value is None else _good(value)


def _names(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) > MOST_NAMES:
        raise ValueError("no list of names")
    return tuple(map(_good, value))


def _good(value: object) -> str:
    if isinstance(value, str) and len(value) <= LONGEST_NAME and not BROKEN.search(value):
        return value
    raise ValueError("no name")
