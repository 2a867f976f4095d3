"""Moves archives into cold storage and out of it, expires and purges them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.models import Archive, ArchiveState, Custodian
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings

# How long the row of an expired archive is kept before it is purged (the original's figure).
EXPIRED_FOR = timedelta(days=20)


@dataclass(frozen=True, slots=True)
class Restored:
    """How many archives came out of cold storage, and how many stay lost because they had expired before."""

    archives: int
    lost: int


def to_cold_storage(*, device_ids: Collection[int], at: datetime) -> int:
    """Move the live archives of these devices to cold storage, for the retention of their orgs; return how many."""
    settings = effective_settings()
    waiting = Archive.objects.filter(device__among=device_ids, state=ArchiveState.LIVE)
    by_retention: dict[int, list[int]] = {}
    for pk, org_id in waiting.values_list("pk", "device__user__org_id"):
        by_retention.setdefault(settings[org_id].archive_retention_days, []).append(pk)
    for days, pks in by_retention.items():
        Archive.objects.filter(pk__among=pks).update(
            state=ArchiveState.COLD_STORAGE, cold_since=at, expires_at=at + timedelta(days=days)
        )
    return sum(map(len, by_retention.values()))


def out_of_cold_storage(
    *, device_ids: Collection[int] = (), archive_ids: Collection[int] = (), at: datetime
) -> Restored:
    """Make the unexpired archives with these ids, or of these devices, live again; count those that are lost."""
    archives = Archive.objects.filter(Q(device__among=device_ids) | Q(pk__among=archive_ids))
    # An archive past its date is lost, even if ``age`` has not marked it as expired yet.
    lost = archives.filter(state=ArchiveState.EXPIRED).count()
    overdue = archives.filter(state=ArchiveState.COLD_STORAGE, expires_at__lte=at).exclude(_on_legal_hold())
    lost += overdue.count()
    restored = (
        archives.filter(state=ArchiveState.COLD_STORAGE)
        .exclude(pk__in=overdue.values("pk"))
        .update(state=ArchiveState.LIVE, cold_since=None, expires_at=None, purge_at=None)
    )
    return Restored(archives=restored, lost=lost)


def expired_last(*, user_ids: Collection[int]) -> dict[int, datetime]:
    """Return when the newest expired archive of each user expired, by user id; purged archives do not count."""
    expired = Archive.objects.filter(device__user__among=user_ids, state=ArchiveState.EXPIRED, purge_at__isnull=False)
    return {
        pk: purge_at - EXPIRED_FOR
        for pk, purge_at in expired.values_list("device__user").annotate(Max("purge_at")).order_by()
    }


@transaction.atomic
def age(*, by: Actor, at: datetime) -> tuple[int, int]:
    """Expire archives past their date, and purge those expired for ``EXPIRED_FOR``; skip users on legal hold.

    Returns how many expired, and how many were purged.
    """
    due = Archive.objects.filter(state=ArchiveState.COLD_STORAGE, expires_at__lte=at).exclude(_on_legal_hold())
    purgeable = Archive.objects.filter(state=ArchiveState.EXPIRED, purge_at__lte=at).exclude(_on_legal_hold())
    # Lock before reading again: an archive that was just restored or put on hold must not expire.
    locks.owners_of_archives([*due.values_list("pk", flat=True), *purgeable.values_list("pk", flat=True)])
    expiring = list(due.values_list("pk", "device__name"))
    Archive.objects.filter(pk__among=[pk for pk, _ in expiring]).update(
        state=ArchiveState.EXPIRED, purge_at=at + EXPIRED_FOR
    )
    note([Fact("archive", pk, name) for pk, name in expiring], action="archive expired", by=by, at=at)
    purged = list(purgeable.values_list("pk", "device__name", "size_bytes"))
    note(
        [Fact("archive", pk, name, before={"size_bytes": size}) for pk, name, size in purged],
        action="archive purged",
        by=by,
        at=at,
    )
    Archive.objects.filter(pk__among=[pk for pk, _, _ in purged]).delete()
    return len(expiring), len(purged)


def _on_legal_hold() -> Exists:
    return Exists(Custodian.objects.filter(user=OuterRef("device__user"), released_at=None, matter__closed_at=None))
