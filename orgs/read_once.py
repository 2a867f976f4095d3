"""Lets one part of a large act read only once what all of its steps decide by: roles, settings of orgs, the acting person."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("what this part has read", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """Keep what is read through ``once`` until the block ends.

    For the work of one transaction that has taken all its locks before, and changes nothing of this itself: no role, no
    org, and not what the acting person holds. So each read is as new as the locks, and all steps decide by the same.
    """
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def once(key: Hashable, read: Callable[[], T]) -> T:
    """Return what ``read`` returns; inside ``reading_once`` what it returned for this key before. Nobody may change it."""
    known = _known.get()
    if known is None:
        return read()
    if key not in known:
        known[key] = read()
    found: T = known[key]
    return found
