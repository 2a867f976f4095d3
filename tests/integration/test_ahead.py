"""Items that are got ahead: in order, the next one elsewhere while the present one is worked on, here where that can't be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from directory.sync.prefetch import got_ahead
from orgs.models import User
from tests.worlds import user

pytestmark = pytest.mark.django_db(transaction=True)
elsewhere = pytest.mark.skipif(connection.vendor == "sqlite", reason="PostgreSQL only: on SQLite all are got here")


def test_they_come_in_their_order_and_end() -> None:
    with got_ahead(iter(range(5))) as items:
        assert list(items) == [0, 1, 2, 3, 4]


def test_what_getting_one_raises_comes_after_those_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with got_ahead(broken()) as items:
        assert next(items) == 1
        with pytest.raises(LookupError, match="no more"):
            next(items)


@elsewhere
def test_the_next_one_is_got_while_the_present_one_is_worked_on() -> None:
    asked, worked_on = threading.Event(), threading.Event()

    def waiting() -> Iterator[str]:
        yield "first"
        asked.set()
        assert worked_on.wait(30)
        yield User.objects.get().username

    user("sean")
    with got_ahead(waiting()) as items:
        assert next(items) == "first"
        assert asked.wait(30)
        worked_on.set()
        assert list(items) == ["sean"]


@elsewhere
def test_whoever_stops_early_gets_no_more_and_leaves_no_connection_behind() -> None:
    backends: list[int] = []

    def counted() -> Iterator[int]:
        for number in range(100):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                backends.extend(cursor.fetchone())
            yield number

    with got_ahead(counted()) as items:
        next(items)
    assert 1 <= len(backends) <= 2
    assert _ended(backends[0])


def _ended(backend: int) -> bool:
    """Whether the server's process for a connection ends within 30 s: it does so after whoever closed it went on."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [backend])
            if cursor.fetchone() == (0,):
                return True
        time.sleep(0.05)
    return False


def test_inside_a_transaction_they_see_what_it_has_written() -> None:
    with transaction.atomic():
        user("sean")
        with got_ahead(iter(User.objects.values_list("username", flat=True))) as items:
            assert list(items) == ["sean"]
