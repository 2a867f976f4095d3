"""A part of an act on many users needs the same few statements for any number of users, and reads each setting once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from directory.actions.bulk import carrying_out, choosing, single_acts
from directory.actions.bulk.bulk_terms import BulkTerms
from directory.models import BulkAct, BulkKind, BulkState
from orgs.actions.users import role_grants
from orgs.models import Role, User
from orgs.rules.actors import person
from tests.bulk_acts import carried_out, confirmed, done, prepared, results
from tests.makers import NOW, make_device, make_matter, make_org, make_sysadmin, make_user, make_users

pytestmark = [pytest.mark.django_db, pytest.mark.database]
FEW, MANY = 3, 40

Argument = Callable[[], dict[str, Any]]
ARGUMENTS: dict[BulkKind, Argument] = {
    BulkKind.MOVE: lambda: {"org": make_org("North")},
    BulkKind.ADD_ROLE: lambda: {"role": Role.objects.get(name="Org Manager")},
    BulkKind.REMOVE_ROLE: lambda: {"role": Role.objects.get(name="PROe User")},
    BulkKind.HOLD: lambda: {"matter": make_matter("Inquiry")},
}
# The statements of an act of one part, from the lease to the end, transactions included. Those of PostgreSQL's locks come
# on top of SQLite's.
MOST = {
    BulkKind.MOVE: 85,
    BulkKind.ADD_ROLE: 75,
    BulkKind.REMOVE_ROLE: 75,
    BulkKind.HOLD: 65,
    BulkKind.BLOCK: 65,
    BulkKind.UNBLOCK: 65,
    BulkKind.DEACTIVATE: 85,
    BulkKind.REACTIVATE: 95,
}
# The further ones of an undo.
UNDO = 15


def ready(kind: BulkKind, count: int, ada: User) -> BulkAct:
    """An act of this kind that waits, on so many users whom it changes."""
    people = make_users([f"person{number:03}" for number in range(count)], roles=["PROe User"])
    for user in people:
        make_device(user)
    if kind in {BulkKind.UNBLOCK, BulkKind.REACTIVATE}:
        done(BulkKind.BLOCK if kind == BulkKind.UNBLOCK else BulkKind.DEACTIVATE, people, by=ada)
    argument = ARGUMENTS.get(kind, dict)()
    return confirmed(prepared(kind, people, by=ada), by=ada, **argument)


def statements(kind: BulkKind, count: int, *, undone: bool) -> list[str]:
    """Carry out an act on so many users, or its undo, in one part; return its statements, and take everything back."""
    with transaction.atomic():
        ada = make_sysadmin()
        act = ready(kind, count, ada)
        if undone:
            act = confirmed(choosing.prepare_undo(act=carried_out(act), by=person(ada), at=NOW), by=ada)
        with CaptureQueriesContext(connection) as captured:
            carrying_out.carry_out(act.pk, clock=lambda: NOW)
        act.refresh_from_db()
        assert (act.state, act.done) == (BulkState.DONE, count)
        transaction.set_rollback(True)
    return [each["sql"] for each in captured]


CASES = [(kind, False) for kind in BulkKind] + [(kind, True) for kind in sorted(choosing.UNDONE_AS)]


@pytest.mark.parametrize(("kind", "undone"), CASES)
def test_has_as_many_statements_for_many_users_as_for_few(kind: BulkKind, undone: bool) -> None:
    few, many = (statements(kind, count, undone=undone) for count in (FEW, MANY))

    assert len(many) == len(few) <= MOST[kind] + (UNDO if undone else 0)


@pytest.mark.parametrize(("kind", "undone"), CASES)
def test_reads_roles_and_settings_of_orgs_once(kind: BulkKind, undone: bool) -> None:
    found = statements(kind, FEW, undone=undone)

    reads = {
        "settings of orgs": sum(
            sql.startswith("SELECT") and "own_default_roles" in sql and "WHERE" not in sql for sql in found
        ),
        "all roles": sum(sql.startswith("SELECT") and 'FROM "orgs_role" ORDER BY' in sql for sql in found),
    }
    # The lock of the users looks who holds "admin" before the part reads anything.
    assert reads["settings of orgs"] <= 1
    assert reads["all roles"] <= 2


def test_decides_by_what_the_person_holds_once_the_locks_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bea = make_sysadmin(), make_user("bea", roles=["All Org Admin"])
    act = confirmed(prepared(BulkKind.BLOCK, make_users(["cem", "dan"]), by=bea), by=bea)
    lock = single_acts.lock

    def while_it_waits(user_ids: Collection[int], terms: BulkTerms) -> None:
        lock(user_ids, terms)
        role_grants.set_roles(roles={bea.pk: frozenset()}, by=person(ada), at=NOW)

    monkeypatch.setattr(single_acts, "lock", while_it_waits)

    assert Counter(results(carried_out(act)).values()) == {"rule": 2}
    assert not User.objects.filter(blocked=True).exists()
