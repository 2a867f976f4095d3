"""Defines the kinds of values that a script may return, and checks values from the sandbox. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

LONGEST_NAME, MOST_NAMES = 255, 64
# Control characters, Unicode line ends, and halves of surrogate pairs.
BROKEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Returns(Generic[T]):
    """A kind of value: how it is read inside the sandbox and checked outside.

    ``reader`` is the name of the function of READERS in prelude.js that accepts the script's return value, or refuses it in
    a sentence with these ``words``. ``check`` takes the JSON value from the reader or from a stored verdict; it raises
    ValueError for a value that the reader never returns.
    """

    reader: str
    check: Callable[[object], T]
    words: Mapping[str, str]


def truth() -> Returns[bool]:
    """Return the kind of a truth value by JavaScript's own rules; returning nothing is an error."""
    return Returns("truth", _truth, {"expected": "true or false"})


def name(*, expected: str, one: str) -> Returns[str | None]:
    """Return the kind of a name, None for nothing.

    Errors continue "returned 5 instead of" with ``expected``, and "returned" with ``one``.
    """
    return Returns("name", _name, {"expected": expected, "one": one})


def names(*, expected: str, one: str, many: str) -> Returns[tuple[str, ...] | None]:
    """Return the kind of a list of names or a single name; None for nothing, which differs from an empty list."""
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
