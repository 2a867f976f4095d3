"""Gets the next item while the present one is worked on: in a thread, so that nobody waits for the database twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from django.db import connection

Item = TypeVar("Item")


@contextmanager
def got_ahead(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Give the items, of which the next one is got on a connection of its own to the database; raises what that raises.

    On SQLite, and inside a transaction, which nobody else can look into, each is got here when it is asked for.
    """
    if connection.vendor == "sqlite" or connection.in_atomic_block:
        yield items
        return
    with ThreadPoolExecutor(1, "ahead") as elsewhere:
        try:
            yield _in_turn(items, elsewhere)
        finally:
            elsewhere.submit(_close)


def _in_turn(items: Iterator[Item], elsewhere: ThreadPoolExecutor) -> Iterator[Item]:
    coming = elsewhere.submit(list, islice(items, 1))
    while got := coming.result():
        coming = elsewhere.submit(list, islice(items, 1))
        yield got[0]


def _close() -> None:
    """Close the connection of the thread that calls this: each has its own."""
    connection.close()
