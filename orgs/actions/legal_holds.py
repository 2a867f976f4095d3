"""Opens and closes matters, adds and releases custodians; a release carries out a pending deactivation."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from orgs.actions import archives, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.users import deactivation
from orgs.models import Custodian, Matter, SetBy, User
from orgs.rules.actors import Actor


@transaction.atomic
def open_matter(*, name: str, policy: str = "", notes: str = "", by: Actor, at: datetime) -> Matter:
    """Open a matter.

    Raises:
        Refused: when the name is empty.
    """
    if not name.strip():
        raise Refused("a matter needs a name")
    matter = Matter.objects.create(name=name.strip(), policy=policy, notes=notes, opened_at=at)
    note([Fact("matter", matter.pk, matter.name)], action="matter opened", by=by, at=at)
    return matter


@transaction.atomic
def add_custodians(*, matter: Matter, user_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Put users on hold; return how many were not held by this matter yet.

    Raises:
        Refused: when the matter is closed.
    """
    if Matter.objects.select_for_update().get(pk=matter.pk).closed_at is not None:
        raise Refused(f"{matter.name} is closed")
    # Lock the users: a deactivation that runs at the same time either ends first or sees the hold.
    locks.users(user_ids)
    chosen = User.objects.filter(pk__among=user_ids).order_by("pk")
    users = {
        pk: (name, deactivated_at)
        for pk, name, deactivated_at in chosen.values_list("pk", "username", "deactivated_at")
    }
    custodian_ids = set(matter.custodians.filter(user__in=users, released_at=None).values_list("user_id", flat=True))
    added = {pk: user for pk, user in users.items() if pk not in custodian_ids}
    # The hold starts after any deactivation or expiry that happened while this action waited for the lock.
    lost = archives.expired_last(user_ids=added)
    since = {pk: max(at, deactivated_at or at, lost.get(pk, at)) for pk, (_, deactivated_at) in added.items()}
    Custodian.objects.bulk_create([Custodian(matter=matter, user_id=pk, added_at=since[pk]) for pk in added])
    facts = [Fact("user", pk, name, after={"matter": matter.name}) for pk, (name, _) in added.items()]
    note(facts, action="put on legal hold", by=by, at=at)
    return len(added)


@transaction.atomic
def release(*, matter: Matter, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Release custodians, and deactivate those with a pending deactivation and no other hold; return who that was."""
    # Lock first: of two releases at once, the second sees that no hold is left.
    locks.users(user_ids)
    released = dict(
        Custodian.objects.filter(matter=matter, user__in=user_ids, released_at=None).values_list(
            "user_id", "user__username"
        )
    )
    Custodian.objects.filter(matter=matter, user__in=released, released_at=None).update(released_at=at)
    facts = [Fact("user", pk, name, before={"matter": matter.name}) for pk, name in released.items()]
    note(facts, action="released from legal hold", by=by, at=at)
    return _deactivate_pending(released, by=by, at=at)


@transaction.atomic
def close_matter(*, matter: Matter, by: Actor, at: datetime) -> frozenset[int]:
    """Close a matter and release all its custodians; return the users who were deactivated by the release."""
    if not Matter.objects.select_for_update().filter(pk=matter.pk, closed_at=None).update(closed_at=at):
        return frozenset()
    note([Fact("matter", matter.pk, matter.name)], action="matter closed", by=by, at=at)
    custodians = matter.custodians.filter(released_at=None).values_list("user_id", flat=True)
    deactivated = release(matter=matter, user_ids=list(custodians), by=by, at=at)
    matter.closed_at = at
    return deactivated


def _deactivate_pending(user_ids: Collection[int], *, by: Actor, at: datetime) -> frozenset[int]:
    waiting = User.objects.filter(pk__in=user_ids, pending=True).exclude(
        pk__in=User.objects.on_legal_hold().values("pk")
    )
    done: frozenset[int] = frozenset()
    for wish in (SetBy.SYNC, SetBy.PERSON):
        pks = list(waiting.filter(pending_by=wish).values_list("pk", flat=True))
        done |= deactivation.deactivate(user_ids=pks, by=by.carrying_out(wish), at=at).users
    return done
