"""What tests of acts on many users need: prepare, confirm and carry out in one call."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from directory.actions.bulk import carrying_out, choosing, confirmation
from directory.actions.bulk.confirmation import Argument, BulkConfirmation
from directory.models import BulkAct, BulkActUser, BulkKind
from orgs.models import Matter, Org, Role, User
from orgs.rules.actors import person
from tests.makers import NOW


def prepared(kind: BulkKind, users: Iterable[User], *, by: User, at: datetime = NOW) -> BulkAct:
    """Choose these users, of those whom the person may see."""
    chosen = User.objects.visible_to(by).filter(pk__in=[user.pk for user in users])
    return choosing.prepare(kind=kind, users=chosen, by=person(by), at=at)


def confirmed(
    act: BulkAct,
    *,
    by: User,
    org: Org | None = None,
    role: Role | None = None,
    matter: Matter | None = None,
    at: datetime = NOW,
) -> BulkAct:
    """Confirm an act, with the number of its users and the password."""
    return confirmation.confirm(
        act=act,
        argument=Argument(org, role, matter),
        confirmed=BulkConfirmation(typed=act.total, password_entered=True),
        by=person(by),
        at=at,
    )


def carried_out(act: BulkAct, *, at: datetime = NOW) -> BulkAct:
    """Carry a confirmed act out to its end."""
    carrying_out.carry_out(act.pk, clock=lambda: at)
    act.refresh_from_db()
    return act


def done(
    kind: BulkKind,
    users: Iterable[User],
    *,
    by: User,
    org: Org | None = None,
    role: Role | None = None,
    matter: Matter | None = None,
    at: datetime = NOW,
) -> BulkAct:
    """Choose, confirm and carry out."""
    act = prepared(kind, users, by=by, at=at)
    return carried_out(confirmed(act, by=by, org=org, role=role, matter=matter, at=at), at=at)


def undone(act: BulkAct, *, by: User, at: datetime = NOW) -> BulkAct:
    """Undo an act."""
    undo = choosing.prepare_undo(act=act, by=person(by), at=at)
    return carried_out(confirmed(undo, by=by, at=at), at=at)


def results(act: BulkAct) -> dict[str, str]:
    """Return what the act came to, by username: the outcome, or the reason to leave the user out."""
    rows = BulkActUser.objects.filter(bulk_act=act).values_list("user__username", "outcome", "reason")
    return {name: str(reason or outcome) for name, outcome, reason in rows}
