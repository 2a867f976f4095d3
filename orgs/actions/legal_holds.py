"""Opens, closes and reopens matters, adds and releases custodians; a release carries out a pending deactivation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Q

from orgs.actions import archives, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.matters import matter_edits, matter_scope
from orgs.actions.matters.matter_edits import MatterText
from orgs.actions.matters.matter_events import note_matter, note_users
from orgs.actions.users import deactivation
from orgs.bulk_writes import insert_rows
from orgs.models import Archive, ArchiveState, Custodian, Matter, MatterEventKind, Org, PreservationPolicy, SetBy, User
from orgs.models.users import UserQuerySet
from orgs.rules.actors import Actor

_OUTSIDE = "there are custodians outside your part: an administrator of the orgs above has to do it"


@transaction.atomic
def open_matter(
    *,
    name: str,
    policy: PreservationPolicy | None = None,
    notes: str = "",
    reference: str = "",
    org: Org | None = None,
    by: Actor,
    at: datetime,
) -> Matter:
    """Open a matter; without an org it belongs to all orgs.

    Raises:
        Refused: when the name is empty, or the org is not one of the acting person's part.
    """
    text = MatterText(name, reference=reference, notes=notes, policy=policy, org=org)
    matter = matter_edits.new_matter(text, by=by, at=at)
    note([Fact("matter", matter.pk, matter.name)], action="matter opened", by=by, at=at)
    note_matter(matter.pk, MatterEventKind.BEGUN, by=by, at=at)
    return matter


@transaction.atomic
def add_custodians(*, matter: Matter, user_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Put users on hold; return how many were not held by this matter yet.

    Raises:
        Refused: when the matter is closed; when it or one of the users does not belong to the acting person's part.
    """
    stored = matter_edits.locked(matter.pk)
    matter_scope.refuse_matter(stored, by=by)
    if stored.closed_at is not None:
        raise Refused(f"{matter.name} is closed")
    return len(_hold(stored, user_ids, by=by, at=at))


def _hold(matter: Matter, user_ids: Collection[int], *, by: Actor, at: datetime) -> list[int]:
    # Lock the users: a deactivation that runs at the same time either ends first or sees the hold.
    locks.users(user_ids)
    matter_scope.refuse_people(user_ids, by=by, why=_OUTSIDE)
    chosen = User.objects.filter(pk__among=user_ids).order_by("pk")
    users = {
        pk: (name, deactivated_at)
        for pk, name, deactivated_at in chosen.values_list("pk", "username", "deactivated_at")
    }
    present = Custodian.objects.unreleased().filter(matter=matter, user__among=users)
    custodian_ids = set(present.order_by().values_list("user_id", flat=True))
    added = {pk: user for pk, user in users.items() if pk not in custodian_ids}
    # The hold starts after any deactivation or expiry that happened while this action waited for the lock.
    lost = archives.expired_last(user_ids=added)
    since = {pk: max(at, deactivated_at or at, lost.get(pk, at)) for pk, (_, deactivated_at) in added.items()}
    as_stored = connection.ops.adapt_datetimefield_value
    insert_rows(Custodian, ("matter", "user", "added_at"), [(matter.pk, pk, as_stored(since[pk])) for pk in added])
    after = {"matter": matter.name}
    facts = [Fact("user", pk, name, after=after) for pk, (name, _) in added.items()]
    note(facts, action="put on legal hold", by=by, at=at)
    note_users(matter.pk, MatterEventKind.ADDED, added, by=by, at=at)
    return list(added)


@transaction.atomic
def release(*, matter: Matter, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Release custodians, and deactivate those with a pending deactivation and no other hold; return who that was.

    Raises:
        Refused: when the matter or one of the custodians does not belong to the acting person's part, or is that person.
    """
    matter_scope.refuse_matter(matter, by=by)
    return _release(matter, user_ids, by=by, at=at)


def _release(matter: Matter, user_ids: Collection[int], *, by: Actor, at: datetime) -> frozenset[int]:
    # Lock first: of two releases at once, the second sees that no hold is left.
    locks.users(user_ids)
    present = Custodian.objects.unreleased().filter(matter=matter, user__among=user_ids)
    released = dict(present.values_list("user_id", "user__username"))
    at = _after_holds(matter, released, at)
    matter_scope.refuse_to_release_oneself(released, by=by)
    matter_scope.refuse_people(released, by=by, why=_OUTSIDE)
    Custodian.objects.unreleased().filter(matter=matter, user__among=released).update(released_at=at)
    facts = [Fact("user", pk, name, before={"matter": matter.name}) for pk, name in released.items()]
    note(facts, action="released from legal hold", by=by, at=at)
    note_users(matter.pk, MatterEventKind.RELEASED, released, by=by, at=at)
    deactivated = _deactivate_pending(released, by=by, at=at)
    note_users(matter.pk, MatterEventKind.DEACTIVATED, sorted(deactivated), by=by, at=at)
    return deactivated


def _after_holds(matter: Matter, user_ids: Collection[int], at: datetime) -> datetime:
    """Return this moment, or a later one at which the last of these holds began while the action waited for its locks."""
    present = Custodian.objects.unreleased().filter(matter=matter, user__among=user_ids)
    newest: datetime | None = present.aggregate(newest=Max("added_at"))["newest"]
    return max(at, newest or at)


@transaction.atomic
def close_matter(*, matter: Matter, by: Actor, at: datetime) -> frozenset[int]:
    """Close a matter and release all its custodians; return the users who were deactivated by the release.

    Raises:
        Refused: when the matter or a custodian does not belong to the acting person's part, or is that person.
    """
    stored = matter_edits.locked(matter.pk)
    matter_scope.refuse_matter(stored, by=by)
    if stored.closed_at is not None:
        return frozenset()
    custodians = list(matter.custodians.filter(released_at=None).values_list("user_id", flat=True))
    locks.users(custodians)
    # A reopening holds again whose release has the moment of the closing.
    at = _after_holds(stored, custodians, at)
    Matter.objects.filter(pk=matter.pk).update(closed_at=at)
    note([Fact("matter", matter.pk, matter.name)], action="matter closed", by=by, at=at)
    note_matter(matter.pk, MatterEventKind.CLOSED, by=by, at=at)
    with locks.holding(custodians):
        deactivated = _release(stored, custodians, by=by, at=at)
    matter.closed_at = at
    return deactivated


@dataclass(frozen=True, slots=True)
class Reopened:
    """The users who are on hold again, and those who are not, as none of their archives is left."""

    on_hold: frozenset[int]
    lost: frozenset[int]


@transaction.atomic
def reopen_matter(*, matter: Matter, by: Actor, at: datetime) -> Reopened:
    """Open a closed matter again, and hold those whom its closing released, unless nothing of theirs is left.

    Users who were deactivated meanwhile stay so; their archives in cold storage do not expire any more.

    Raises:
        Refused: when the matter or one of these users does not belong to the acting person's part.
    """
    stored = matter_edits.locked(matter.pk)
    matter_scope.refuse_matter(stored, by=by)
    if stored.closed_at is None:
        return Reopened(frozenset(), frozenset())
    at = max(at, stored.closed_at)
    user_ids = list(released_by_closing(stored).values_list("pk", flat=True))
    locks.users(user_ids)
    lost = frozenset(with_nothing_left(User.objects.filter(pk__among=user_ids)).values_list("pk", flat=True))
    matter_scope.refuse_people(user_ids, by=by, why=_OUTSIDE)
    Matter.objects.filter(pk=matter.pk).update(closed_at=None)
    note([Fact("matter", matter.pk, matter.name)], action="matter reopened", by=by, at=at)
    note_matter(matter.pk, MatterEventKind.REOPENED, by=by, at=at)
    on_hold = _hold(stored, [pk for pk in user_ids if pk not in lost], by=by, at=at)
    matter.closed_at = None
    return Reopened(frozenset(on_hold), lost)


def released_by_closing(matter: Matter) -> UserQuerySet:
    """Return the users whom the closing of this matter released."""
    custodians = Custodian.objects.filter(matter=matter, released_at=matter.closed_at, released_at__isnull=False)
    found: UserQuerySet = User.objects.filter(pk__in=custodians.values("user")).order_by("username_key")
    return found


def with_nothing_left(users: UserQuerySet) -> UserQuerySet:
    """Return the deactivated ones of these users who have no archive that could be kept: each has expired or is purged."""
    left = Archive.objects.filter(~Q(state=ArchiveState.EXPIRED), device__user=OuterRef("pk"))
    return users.filter(~Exists(left), active=False)


def _deactivate_pending(user_ids: Collection[int], *, by: Actor, at: datetime) -> frozenset[int]:
    waiting = User.objects.filter(pk__among=user_ids, pending=True).exclude(
        pk__in=User.objects.on_legal_hold().values("pk")
    )
    done: frozenset[int] = frozenset()
    for wish in (SetBy.SYNC, SetBy.PERSON):
        pks = list(waiting.filter(pending_by=wish).values_list("pk", flat=True))
        done |= deactivation.deactivate(user_ids=pks, by=by.carrying_out(wish), at=at).users
    return done
