"""Worlds that the tests of a module begin from: made once, and what a test changes in one is taken back after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from pytest_django import DjangoDbBlocker


@contextmanager
def kept_for_many_tests(blocker: DjangoDbBlocker) -> Iterator[None]:
    """Keep what is stored within for the tests that follow, and take it back at the end.

    For fixtures of a module, beside one of a test that asks for ``db``: a test has a transaction inside this one. Objects
    in memory stay as a test leaves them, so give each test a copy. No test with transactions of its own may be in the module.
    """
    with blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
