"""Moves users from one org to another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F

from orgs.actions import devices, escalation_guard, local_password_guard, locks
from orgs.actions.audit import Fact, note
from orgs.models import User
from orgs.rules.actors import Actor


@transaction.atomic
def move(
    *,
    moves: Mapping[int, int],
    strangers: Collection[int] = (),
    ending_sessions_of: Collection[int] = (),
    by: Actor,
    at: datetime,
) -> frozenset[int]:
    """Move users (keys) into orgs (values), and deauthorize the devices of ``strangers``. Return who was moved.

    Strangers are users who were not found in the directory of the new org. ``ending_sessions_of`` are users whose roles
    change next: their sessions end with the move, so that their rows are written once.

    Raises:
        Refused: when an org is not active; when a user would reach further than ``by``, or the org's default roles
            hold more than ``by``; when the acting person or the last SYSADMIN could not sign in any more.
    """
    names = locks.active_orgs(set(moves.values()))
    locks.users(moves)
    current = {
        pk: (name, org_id, org_name)
        for pk, name, org_id, org_name in User.objects.filter(pk__among=moves)
        .order_by("pk")
        .values_list("pk", "username", "org_id", "org__name")
        if moves[pk] != org_id
    }
    escalation_guard.refuse_moves({pk: moves[pk] for pk in current}, by=by)
    having = local_password_guard.having_passwords(current)
    with (
        local_password_guard.watched(user_ids=having, by=by, at=at),
        # The same roles may reach further from another org.
        local_password_guard.promotions_watched(user_ids=having, by=by, at=at),
    ):
        _put_into_orgs({pk: moves[pk] for pk in current}, ending_sessions_of)
    with locks.holding(moves):
        devices.deauthorize(user_ids=[pk for pk in strangers if pk in current], by=by, at=at)
    orgs = {name: {"org": name} for name in {*names.values(), *(old for _, _, old in current.values())}}
    facts = [
        Fact("user", pk, name, before=orgs[old], after=orgs[names[moves[pk]]]) for pk, (name, _, old) in current.items()
    ]
    note(facts, action="user moved", by=by, at=at)
    return frozenset(current)


def _put_into_orgs(moves: Mapping[int, int], ending_sessions_of: Collection[int]) -> None:
    for org_id, ends in sorted({(org_id, pk in ending_sessions_of) for pk, org_id in moves.items()}):
        moved = [pk for pk in moves if moves[pk] == org_id and (pk in ending_sessions_of) == ends]
        User.objects.filter(pk__among=moved).update(org_id=org_id, session_epoch=F("session_epoch") + int(ends))
