"""Acts on many users lock in the one order of all actions: nobody waits for another in a circle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from directory import invariants
from directory.actions.bulk import carrying_out
from directory.models import BulkAct, BulkKind, BulkState
from orgs.actions.users import blocking
from orgs.models import User
from orgs.rules.actors import person
from tests.bulk_acts import confirmed, prepared
from tests.integration.employer import Employer
from tests.integration.test_locks_in_one_order import WAITS, behind, waiting
from tests.makers import NOW, make_matter, make_sysadmin, make_users
from tests.worlds import simulate, sync

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"),
    pytest.mark.database,
]


def each_alone(held: User, *acts: Callable[[], object]) -> list[str]:
    """Hold a user until all of these wait, each begun when the one before it waits, in transactions of their own."""
    troubles: list[str] = []

    def work(act: Callable[[], object]) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 0")
            act()
        except Exception as error:  # noqa: BLE001  # whatever somebody would have seen
            troubles.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("SELECT id FROM orgs_user WHERE id = %s FOR UPDATE", [held.pk])
        for number, thread in enumerate(threads, 1):
            thread.start()
            while waiting() < number and thread.is_alive():
                time.sleep(0.02)
        other.rollback()
    other.close()
    for thread in threads:
        thread.join(10 * WAITS)
        if thread.is_alive():
            troubles.append("still waiting")
    return troubles


def test_a_choice_beside_an_act_on_the_person_who_chooses() -> None:
    ben, cem = make_users(["ben", "cem"])
    ada, eve = make_sysadmin(), make_sysadmin("eve")

    troubles = behind(
        User.objects.filter(pk=cem.pk),
        # Holds Ben, and then waits for Cem before it comes to Ada.
        partial(blocking.block, user_ids=[ben.pk, cem.pk, ada.pk], by=person(eve), at=NOW),
        partial(prepared, BulkKind.BLOCK, [ben], by=ada),
    )

    assert troubles == []
    assert BulkAct.objects.get().total == 1
    assert User.objects.get(pk=ada.pk).blocked


def test_a_legal_hold_of_many_beside_a_run_that_deactivates_them(employer: Employer) -> None:
    """Each of them is deactivated and then held, or held and then blocked; nobody is lost, and neither work gives up."""
    names = [f"person{number:02}" for number in range(12)]
    people = make_users(names)
    for name in names:
        employer.hires(name, employeeType="inactive", departmentNumber="Default")
    server = employer.server(limit_deactivations_percent=100, limit_deactivations_count=1000)
    simulate(server)
    ada, matter = make_sysadmin(), make_matter("Inquiry")
    act = confirmed(prepared(BulkKind.HOLD, people, by=ada), by=ada, matter=matter)

    troubles = each_alone(
        people[5],
        partial(sync, server, at=timezone.now()),
        partial(carrying_out.carry_out, act.pk, clock=timezone.now),
    )

    act.refresh_from_db()
    assert not troubles, troubles
    assert (act.state, act.done) == (BulkState.DONE, len(people))
    assert matter.custodians.filter(released_at=None).count() == len(people)
    held = User.objects.filter(username__in=names)
    assert held.filter(active=False).count() + held.filter(active=True, blocked=True, pending=True).count() == len(
        people
    )
    assert [str(each) for each in invariants.broken(at=timezone.now())] == []
