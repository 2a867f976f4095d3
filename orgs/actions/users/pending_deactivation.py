"""Sets and clears the pending deactivation of users on legal hold."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from orgs.actions import locks
from orgs.actions.matters.matter_events import note_in_open_matters
from orgs.actions.users.user_rows import note_all, pick, take_over
from orgs.models import MatterEventKind, SetBy, User
from orgs.rules.actors import Actor


@transaction.atomic
def set_pending(*, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Mark users on hold to be deactivated at their release. Return the users for whom that is a change."""
    locks.users(user_ids)
    take_over(user_ids, "pending", by=by, at=at)
    changed = pick(user_ids, pending=False, active=True)
    User.objects.filter(pk__among=changed).update(pending=True, pending_by=by.set_by, pending_at=at)
    note_all(changed, "deactivation pending", by=by, at=at, before={"pending": False}, after={"pending": True})
    note_in_open_matters(MatterEventKind.BLOCKED, changed, by=by, at=at)
    return frozenset(changed)


@transaction.atomic
def clear_pending(*, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Cancel the pending deactivation of these users. Return the users who had one."""
    locks.users(user_ids)
    changed = pick(user_ids, pending=True)
    User.objects.filter(pk__among=changed).update(pending=False, pending_by=SetBy.NOBODY, pending_at=None)
    note_all(changed, "pending deactivation cleared", by=by, at=at, before={"pending": True}, after={"pending": False})
    note_in_open_matters(MatterEventKind.CANCELLED, changed, by=by, at=at)
    return frozenset(changed)
