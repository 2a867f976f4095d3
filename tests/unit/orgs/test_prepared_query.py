"""A query that is asked again and again gives the same rows, prepared or not, whatever becomes of the connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from orgs.backups import gate
from orgs.models import Org
from orgs.prepared_query import PreparedQuery
from tests.backups import signed_in_device
from tests.worlds import org, user

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the statements that the database is asked."""
    found: list[str] = []

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        found.append(str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def orgs_named() -> PreparedQuery:
    return PreparedQuery(lambda name: Org.objects.filter(name=name).order_by("pk").values("pk", "name", "created_at"))


@pytest.fixture
def on_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("about statements that PostgreSQL prepares")


def test_gives_the_rows_of_the_query() -> None:
    made = org("Sales' 100 %s $1")
    query = orgs_named()

    for _ in range(7):
        assert query.rows("nobody") == []
        [row] = query.rows(made.name)
        assert row == Org.objects.values("pk", "name", "created_at").get(pk=made.pk)


def test_gives_the_gate_what_it_asks_for() -> None:
    laptop = signed_in_device(user("sean"))
    for _ in range(2):
        state, details = gate.with_details(laptop.token, "name", "last_connected", "user__username")
        assert state == gate.of_device(laptop.device.pk) == gate.of_token(laptop.token)
        assert (details["name"], details["user__username"], details["last_connected"]) == ("laptop", "sean", None)
    now = timezone.now()
    laptop.device.last_connected = now
    laptop.device.save()
    assert gate.with_details(laptop.token, "last_connected")[1]["last_connected"] == now


@pytest.mark.usefixtures("on_postgresql")
class TestOnPostgresql:
    def test_is_prepared_once_for_each_connection(self) -> None:
        query = orgs_named()
        with statements() as asked:
            for _ in range(3):
                query.rows("Default")
        assert [each.split()[0] for each in asked] == ["PREPARE", "EXECUTE", "EXECUTE", "EXECUTE"]

        connection.close()
        with statements() as asked:
            assert len(query.rows("Default")) == 1
        assert [each.split()[0] for each in asked] == ["PREPARE", "EXECUTE"]

    def test_is_not_prepared_in_a_transaction(self) -> None:
        query = orgs_named()
        with transaction.atomic(), statements() as asked:
            assert len(query.rows("Default")) == 1
        assert [each.split()[0] for each in asked] == ["SELECT"]

    def test_goes_on_unprepared_where_a_pooler_gives_each_statement_another_connection(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        query = orgs_named()
        query.rows("Default")
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")

        for _ in range(3):
            assert len(query.rows("Default")) == 1
        assert len([each for each in caplog.messages if "not prepared any more" in each]) == 1
