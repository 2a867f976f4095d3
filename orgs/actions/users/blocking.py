"""Blocks users and unblocks them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F

from orgs.actions import escalation_guard, local_password_guard, locks
from orgs.actions.users import pending_deactivation
from orgs.actions.users.last_sysadmin import refuse_to_lose
from orgs.actions.users.user_rows import note_all, pick, take_over
from orgs.models import SetBy, User
from orgs.rules.actors import Actor


@transaction.atomic
def block(*, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Sign these users out everywhere and keep them out; archives stay as they are. Return the newly blocked users.

    Raises:
        Refused: when no active SYSADMIN would be left.
    """
    locks.users(user_ids)
    take_over(user_ids, "blocked", by=by, at=at)
    changed = pick(user_ids, blocked=False)
    refuse_to_lose(losing=changed)
    with local_password_guard.a_sysadmin_stays(by=by):
        User.objects.filter(pk__among=changed).update(
            blocked=True, blocked_by=by.set_by, blocked_at=at, session_epoch=F("session_epoch") + 1
        )
    note_all(changed, "user blocked", by=by, at=at, before={"blocked": False}, after={"blocked": True})
    return frozenset(changed)


@transaction.atomic
def unblock(*, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Let these users sign in again, and cancel a pending deactivation. Return the users who were blocked.

    Raises:
        Refused: when one of them holds more than ``by``.
    """
    locks.users(user_ids)
    changed = pick(user_ids, blocked=True)
    escalation_guard.refuse_above(user_ids=changed, doing="unblock them", by=by)
    User.objects.filter(pk__among=changed).update(blocked=False, blocked_by=SetBy.NOBODY, blocked_at=None)
    note_all(changed, "user unblocked", by=by, at=at, before={"blocked": True}, after={"blocked": False})
    with locks.holding(changed):
        pending_deactivation.clear_pending(user_ids=changed, by=by, at=at)
    return frozenset(changed)
