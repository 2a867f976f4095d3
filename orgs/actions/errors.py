"""The error that an action raises when a rule forbids it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction


class Refused(Exception):
    """The action would break a rule, so nothing was written. The message names the rule for the acting person."""


@contextmanager
def if_taken_meanwhile(check: Callable[[], object]) -> Iterator[None]:
    """Write a name that nobody had a moment ago; ``check`` refuses in words if somebody else was faster by so much.

    On PostgreSQL two transactions may both see a name as free. The unique index then lets one of them have it.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        check()
        raise
