"""Moves archives into cold storage and out of it, expires and purges them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.actions.backups import archive_moves
from orgs.models import Archive, ArchiveState, MoveTarget, Org
from orgs.rules.actors import SYSTEM, Actor
from orgs.rules.inheritance import Effective, effective_settings

# How long the row of an expired archive is kept before it is purged (the original's figure).
EXPIRED_FOR = timedelta(days=20)


@dataclass(frozen=True, slots=True)
class Restored:
    """How many archives came out of cold storage, and how many stay lost because they had expired before."""

    archives: int
    lost: int


def to_cold_storage(*, device_ids: Collection[int], at: datetime) -> int:
    """Move the live archives of these devices to cold storage, for the retention of their orgs; return how many."""
    live = Archive.objects.filter(device__among=device_ids, state=ArchiveState.LIVE).order_by()
    waiting = list(live.values_list("pk", "device__user__org_id"))
    settings = effective_settings() if waiting else {}
    by_retention: dict[int, list[int]] = {}
    for pk, org_id in waiting:
        by_retention.setdefault(settings[org_id].archive_retention_days, []).append(pk)
    for days, pks in by_retention.items():
        Archive.objects.filter(pk__among=pks).update(
            state=ArchiveState.COLD_STORAGE, cold_since=at, expires_at=at + timedelta(days=days)
        )
        archive_moves.begin(archive_ids=pks, to=MoveTarget.COLD, at=at)
    return sum(map(len, by_retention.values()))


def out_of_cold_storage(
    *, device_ids: Collection[int] = (), archive_ids: Collection[int] = (), at: datetime
) -> Restored:
    """Make the unexpired archives with these ids, or of these devices, live again; count those that are lost.

    An archive past its date is lost, even if ``age`` has not expired it yet: it expires now. A legal hold that comes before
    ``age`` would keep it in cold storage, and its device waiting for it.
    """
    archives = Archive.objects.filter(Q(device__among=device_ids) | Q(pk__among=archive_ids))
    lost = archives.lost(at=at)
    lost_count = lost.count()
    if lost_count:
        _expire(lost.filter(state=ArchiveState.COLD_STORAGE), by=SYSTEM, at=at)
    cold = archives.filter(state=ArchiveState.COLD_STORAGE).exclude(pk__in=lost.values("pk"))
    ids = list(cold.order_by("pk").values_list("pk", flat=True))
    Archive.objects.filter(pk__among=ids).update(
        state=ArchiveState.LIVE, cold_since=None, expires_at=None, purge_at=None
    )
    archive_moves.begin(archive_ids=ids, to=MoveTarget.LIVE, at=at)
    return Restored(archives=len(ids), lost=lost_count)


def expired_last(*, user_ids: Collection[int]) -> dict[int, datetime]:
    """Return when the newest expired archive of each user expired, by user id; purged archives do not count."""
    expired = Archive.objects.filter(device__user__among=user_ids, state=ArchiveState.EXPIRED, purge_at__isnull=False)
    return {
        pk: purge_at - EXPIRED_FOR
        for pk, purge_at in expired.values_list("device__user").annotate(Max("purge_at")).order_by()
    }


@dataclass(frozen=True, slots=True)
class RetentionChange:
    """Orgs whose archives were kept for some days in cold storage, and are kept for other days from now on."""

    org_ids: frozenset[int]
    days_before: int
    days: int

    def archives(self) -> QuerySet[Archive]:
        """Return the archives in cold storage whose dates follow; one with a date of its own keeps it."""
        return Archive.objects.filter(
            state=ArchiveState.COLD_STORAGE,
            device__user__org__in=self.org_ids,
            expires_at=F("cold_since") + timedelta(days=self.days_before),
        )


def retention_changes(before: Mapping[int, Effective], after: Mapping[int, Effective]) -> list[RetentionChange]:
    """Return what a change of settings means for the time in cold storage: the orgs by days before and days after."""
    found: dict[tuple[int, int], set[int]] = {}
    for pk in before.keys() & after.keys():
        days = (before[pk].archive_retention_days, after[pk].archive_retention_days)
        if days[0] != days[1]:
            found.setdefault(days, set()).add(pk)
    return [RetentionChange(frozenset(orgs), *days) for days, orgs in sorted(found.items())]


@transaction.atomic
def follow_retention(*, changes: Iterable[RetentionChange], by: Actor, at: datetime) -> int:
    """Give archives in cold storage the date that their org's new retention means; return how many have another one.

    Those whose date was not that of the former retention keep it: a person has set it, or an undo has put it back.
    """
    changed = 0
    for change in changes:
        locks.owners_of_archives(list(change.archives().values_list("pk", flat=True)))
        by_org = dict(change.archives().order_by().values_list("device__user__org").annotate(Count("pk")))
        changed += change.archives().update(expires_at=F("cold_since") + timedelta(days=change.days))
        names = Org.objects.in_bulk(by_org)
        facts = [
            Fact(
                "org",
                pk,
                names[pk].name,
                before={"days_in_cold_storage": change.days_before},
                after={"days_in_cold_storage": change.days, "archives": count},
            )
            for pk, count in by_org.items()
        ]
        note(facts, action="archives follow retention", by=by, at=at)
    return changed


@transaction.atomic
def age(*, by: Actor, at: datetime) -> tuple[int, int]:
    """Expire archives past their date, and purge those expired for ``EXPIRED_FOR``; skip users on legal hold.

    An archive with a repository is purged by a move, at whose end its row goes. Returns how many expired, and how many were
    purged or will be by a move that has just begun.
    """
    due = Archive.objects.filter(state=ArchiveState.COLD_STORAGE, expires_at__lte=at).not_on_legal_hold()
    purgeable = Archive.objects.filter(state=ArchiveState.EXPIRED, purge_at__lte=at).not_on_legal_hold()
    purgeable = purgeable.exclude(move__to=MoveTarget.GONE)
    due_ids, purgeable_ids = list(due.values_list("pk", flat=True)), list(purgeable.values_list("pk", flat=True))
    # Lock before reading again: an archive that was just restored or put on hold must not expire. Nor may one that became
    # due meanwhile: its user is not locked.
    locks.owners_of_archives([*due_ids, *purgeable_ids])
    expired = _expire(due.filter(pk__among=due_ids), by=by, at=at)
    stored = list(purgeable.filter(pk__among=purgeable_ids, repository__isnull=False).values_list("pk", flat=True))
    archive_moves.begin(archive_ids=stored, to=MoveTarget.GONE, at=at)
    rows_alone = purgeable.filter(pk__among=purgeable_ids, repository=None)
    purged = list(rows_alone.values_list("pk", "device__name", "size_bytes"))
    note(
        [Fact("archive", pk, name, before={"size_bytes": size}) for pk, name, size in purged],
        action="archive purged",
        by=by,
        at=at,
    )
    Archive.objects.filter(pk__among=[pk for pk, _, _ in purged]).delete()
    return expired, len(purged) + len(stored)


def _expire(archives: QuerySet[Archive], *, by: Actor, at: datetime) -> int:
    """Expire these archives, whose users are locked; return how many."""
    expiring = list(archives.values_list("pk", "device__name"))
    Archive.objects.filter(pk__among=[pk for pk, _ in expiring]).update(
        state=ArchiveState.EXPIRED, purge_at=at + EXPIRED_FOR
    )
    note([Fact("archive", pk, name) for pk, name in expiring], action="archive expired", by=by, at=at)
    return len(expiring)
