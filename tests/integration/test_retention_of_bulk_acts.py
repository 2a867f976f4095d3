"""Old acts on many users go with their results; what an undo or a legal hold needs stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from directory.actions import old_rows
from directory.models import BulkAct, BulkActUser, BulkKind
from orgs.actions.users import blocking, org_moves
from orgs.models import AuditEntry, Org
from orgs.rules.actors import SYSTEM, person
from tests.bulk_acts import done, prepared, results, undone
from tests.makers import NOW, make_matter, make_org, make_sysadmin, make_users

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MUCH_LATER = NOW + timedelta(days=366)


def test_an_old_act_goes_with_its_results_and_the_audit_trail_stays() -> None:
    ada, people = make_sysadmin(), make_users(["ben", "cem"])
    done(BulkKind.BLOCK, people, by=ada)

    assert old_rows.remove_old(by=SYSTEM, at=MUCH_LATER)["bulk_acts"] == 1

    assert not BulkActUser.objects.exists()
    assert AuditEntry.objects.filter(action="user blocked").count() == 2


def test_an_undone_act_stays_with_its_undo() -> None:
    ada, people = make_sysadmin(), make_users(["ben", "cem"])
    act = done(BulkKind.BLOCK, people, by=ada)
    undo = undone(act, by=ada, at=NOW + timedelta(days=30))

    old_rows.remove_old(by=SYSTEM, at=MUCH_LATER)

    assert set(BulkAct.objects.values_list("pk", flat=True)) == {act.pk, undo.pk}


def test_an_act_with_users_on_legal_hold_stays() -> None:
    ada, (ben, cem) = make_sysadmin(), make_users(["ben", "cem"])
    make_matter("Inquiry", ben)
    done(BulkKind.BLOCK, [ben, cem], by=ada)
    done(BulkKind.UNBLOCK, [cem], by=ada)

    old_rows.remove_old(by=SYSTEM, at=MUCH_LATER)

    assert list(BulkAct.objects.values_list("kind", flat=True)) == ["block"]


def test_a_new_act_stays() -> None:
    ada = make_sysadmin()
    prepared(BulkKind.BLOCK, make_users(["ben"]), by=ada)

    old_rows.remove_old(by=SYSTEM, at=NOW + timedelta(days=1))

    assert BulkAct.objects.exists()


def test_an_undo_leaves_out_whom_the_trail_no_longer_follows_back_to_the_act(settings: Settings) -> None:
    settings.KEEP_RUNS_DAYS = settings.KEEP_AUDIT_DAYS = 100
    ada, (ben, cem, eve) = make_sysadmin(), make_users(["ben", "cem", "eve"])
    act = done(BulkKind.MOVE, [ben, cem, eve], by=ada, org=make_org("North"))
    # A legal hold keeps the act, and the trail of Eve.
    make_matter("Inquiry", eve)
    for org in (make_org("South"), Org.objects.get(name="North")):
        org_moves.move(moves={cem.pk: org.pk}, by=person(ada), at=NOW + timedelta(days=1))
    blocking.block(user_ids=[cem.pk], by=person(ada), at=NOW + timedelta(days=150))

    old_rows.remove_old(by=SYSTEM, at=NOW + timedelta(days=200))

    # Nobody can say any more that Cem was moved to and fro. Of Ben the act is the last entry, which always stays.
    undo = undone(act, by=ada, at=NOW + timedelta(days=200))
    assert results(undo) == {"ben": "done", "cem": "trail too short", "eve": "done"}
