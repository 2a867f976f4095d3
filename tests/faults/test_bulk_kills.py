"""Processes that carry out an act on many users are killed outright: the act goes on, nobody is half done, nobody twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from directory import invariants
from directory.actions.bulk import carrying_out
from directory.models import BulkAct, BulkKind, BulkState
from orgs.models import AuditEntry, Device, Org, User
from tests.browser.conftest import database_url
from tests.bulk_acts import confirmed, prepared
from tests.catalogue import noted
from tests.makers import make_device, make_org, make_sysadmin, make_users

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
PEOPLE = 300
SEED = 20261130
AS_IF_NOTHING = "another process goes on; one audit entry for each user, and all counts fit"


@pytest.fixture
def north() -> Org:
    return make_org("Northmere")


@pytest.fixture
def act(north: Org) -> BulkAct:
    """An act that waits: 300 people are to be deactivated, each with a device."""
    ada, people = make_sysadmin(), make_users([f"person{number:03}" for number in range(PEOPLE)])
    for user in people[:50]:
        make_device(user)
    now = timezone.now()
    return confirmed(prepared(BulkKind.DEACTIVATE, people, by=ada, at=now), by=ada, at=now)


def begin(act: BulkAct, **environment: str) -> subprocess.Popen[bytes]:
    """Start a process that carries the act out."""
    given = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "RUN_LEASE_SECONDS": "2",
    }
    command = [sys.executable, "-m", "tests.faults.bulk_worker", str(act.pk)]
    return subprocess.Popen(command, env=os.environ | given | environment)


def lease_is_over(act: BulkAct) -> bool:
    return BulkAct.objects.abandoned().filter(pk=act.pk).exists()


def wait_for(what: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.05)


def as_if_nothing_had_happened(act: BulkAct) -> None:
    act.refresh_from_db()
    assert (act.state, act.done, act.left_out, act.failed) == (BulkState.DONE, PEOPLE, 0, 0)
    entries = AuditEntry.objects.filter(action="user deactivated").values("object_id").annotate(Count("pk"))
    assert set(entries.values_list("pk__count", flat=True)) == {1}
    assert len(entries) == PEOPLE
    assert User.objects.filter(active=False).count() == PEOPLE
    assert not Device.objects.filter(active=True).exists()
    assert [str(each) for each in invariants.broken(at=timezone.now() + timedelta(seconds=1))] == []


@pytest.mark.parametrize("part", [1, 7])
def test_in_a_transaction_after_the_users_were_changed(act: BulkAct, part: int) -> None:
    with noted(
        "faults",
        f"kill -9 of a bulk act in the transaction of part {part}",
        how="the process kills itself after the users of the part were changed and their results stored",
        expected=AS_IF_NOTHING,
        where=connection.vendor,
    ) as row:
        assert begin(act, KILL_IN_PART=str(part)).wait(60) == -9
        act.refresh_from_db()
        assert act.done == 20 * (part - 1)
        wait_for(lambda: lease_is_over(act))

        carrying_out.carry_out(act.pk, clock=timezone.now)

        as_if_nothing_had_happened(act)
        row.saw(f"{act.done} of {PEOPLE} done, each once", wrongly_changed=0)


def test_at_random_moments(act: BulkAct) -> None:
    dice = random.Random(SEED)  # for a test
    with noted(
        "faults",
        "kill -9 of a bulk act at three random moments",
        how="the process is killed some parts after its first progress; another one begins when the lease is over",
        expected=AS_IF_NOTHING,
        where=connection.vendor,
    ) as row:
        for _ in range(3):
            before = BulkAct.objects.get(pk=act.pk).done
            process = begin(act)
            wait_for(lambda before=before: BulkAct.objects.get(pk=act.pk).done > before)  # type: ignore[misc]
            time.sleep(dice.random() / 10)
            process.kill()
            process.wait(20)
            if not BulkAct.objects.get(pk=act.pk).live:
                break
            wait_for(lambda: lease_is_over(act))

        carrying_out.carry_out(act.pk, clock=timezone.now)

        as_if_nothing_had_happened(act)
        row.saw(f"{act.done} of {PEOPLE} done, each once", wrongly_changed=0)
