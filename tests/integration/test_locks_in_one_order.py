"""Runs and administrators take servers and orgs in one order, so that neither waits for the other in a circle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.models import Model, QuerySet

from directory.actions import server_orgs, servers
from directory.models import LdapServer, RunChange
from directory.sync import recheck
from orgs.actions import orgs
from orgs.actors import SYSTEM
from orgs.models import Org
from tests.makers import make_server
from tests.worlds import NOON, org

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"),
]
WAITS = 20.0


def waiting() -> int:
    """Return how many wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


def behind(rows: QuerySet[Model], *acts: Callable[[], object]) -> list[str]:
    """Hold these rows until all of these wait, each begun when the one before it waits; return what went wrong then."""
    troubles: list[str] = []

    def work(act: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                act()
        except Exception as error:  # noqa: BLE001  # whatever somebody would have seen
            troubles.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    with transaction.atomic():
        list(rows.select_for_update(no_key=True))
        for number, thread in enumerate(threads, 1):
            thread.start()
            for _ in range(200):
                if waiting() >= number:
                    break
                threading.Event().wait(0.01)
    for thread in threads:
        thread.join(WAITS)
        if thread.is_alive():
            troubles.append("still waiting")
    return troubles


def as_a_run_does(*ids: int) -> None:
    recheck._lock_orgs([RunChange(org_id=pk) for pk in ids])


def read_servers(*ids: int) -> None:
    recheck._locked_servers(ids)


def test_an_org_is_brought_back_into_use_while_a_run_changes_users_of_it() -> None:
    lab = org("Lab")
    orgs.set_active(org=lab, active=False, by=SYSTEM, at=NOON)
    above = Org.objects.filter(name="Default")

    troubles = behind(
        above,
        partial(as_a_run_does, lab.pk),
        partial(orgs.set_active, org=lab, active=True, by=SYSTEM, at=NOON),
    )

    assert troubles == []
    assert Org.objects.get(pk=lab.pk).active


def test_servers_are_ordered_while_a_run_applies_what_they_decided() -> None:
    first, second = make_server("First", position=1), make_server("Second", position=0)

    troubles = behind(
        LdapServer.objects.filter(pk=second.pk),
        partial(servers.reorder, ids=[first.pk, second.pk], by=SYSTEM, at=NOON),
        partial(read_servers, first.pk, second.pk),
    )

    assert troubles == []
    assert list(LdapServer.objects.in_order()) == [first, second]


def test_orgs_are_taken_from_a_server_while_a_run_changes_users_of_them() -> None:
    lab, corp = org("Lab"), make_server("Corp")
    with transaction.atomic():
        server_orgs.serve(corp, [lab], by=SYSTEM, at=NOON)

    troubles = behind(
        Org.objects.filter(pk=lab.pk),
        partial(as_a_run_does, lab.pk),
        partial(server_orgs.serve, corp, [], by=SYSTEM, at=NOON),
    )

    assert troubles == []
    assert Org.objects.get(pk=lab.pk).directory_service != "ldap"
