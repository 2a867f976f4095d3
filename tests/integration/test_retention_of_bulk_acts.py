"""Old acts on many users go with their results; what an undo or a legal hold needs stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.actions import old_rows
from directory.models import BulkAct, BulkActUser, BulkKind
from orgs.models import AuditEntry
from orgs.rules.actors import SYSTEM
from tests.bulk_acts import done, prepared, undone
from tests.makers import NOW, make_matter, make_sysadmin, make_users

pytestmark = pytest.mark.django_db
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
