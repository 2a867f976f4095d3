"""Stores how the maintenance of an archive ended, with audit rows for what it changed or found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.backups.restic.maintenance import Maintained
from orgs.models import Archive, ArchiveMaintenance, MaintenanceResult, Repository
from orgs.rules.actors import SYSTEM


@transaction.atomic
def store(archive: Archive, done: Maintained, *, at: datetime) -> bool:
    """Store the result of a maintenance; return False if the archive is gone by now.

    The archive is counted again where files were removed.
    """
    locks.owners_of_archives([archive.pk])
    if not Archive.objects.filter(pk=archive.pk).exists():
        return False
    row = ArchiveMaintenance.objects.filter(archive=archive).first() or ArchiveMaintenance(archive=archive)
    was_damaged = row.damaged_since is not None
    row.tried_at, row.result, row.message = at, done.result, done.words
    if done.checked:
        row.checked_at = at
        row.damaged_since = (row.damaged_since or at) if done.result == MaintenanceResult.DAMAGED else None
    elif done.result == MaintenanceResult.DAMAGED:
        row.damaged_since = row.damaged_since or at
    if done.pruned:
        row.forgotten_at = at
        Repository.objects.filter(archive=archive).update(counted_at=None)
    row.save()
    if done.snapshots < done.snapshots_before:
        before, after = {"snapshots": done.snapshots_before}, {"snapshots": done.snapshots}
        _note(archive, "snapshots forgotten", before, after, at=at)
    if was_damaged != (row.damaged_since is not None):
        action = "archive found sound" if was_damaged else "archive found damaged"
        _note(archive, action, {"damaged": was_damaged}, {"damaged": not was_damaged}, at=at)
    return True


def _note(
    archive: Archive, action: str, before: Mapping[str, object], after: Mapping[str, object], *, at: datetime
) -> None:
    note([Fact("archive", archive.pk, archive.device.name, before, after)], action=action, by=SYSTEM, at=at)
