"""Maintains the archives that are due, one after the other: checks each week, and forgets old snapshots each night.

Only live archives whose password Rollcall has are maintained, and none that is on its way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from orgs.actions.backups import maintenance_records
from orgs.backups.folder_locks import FolderLocked, locked
from orgs.backups.move_errors import printable
from orgs.backups.restic import forgotten_snapshots, maintenance
from orgs.backups.restic.local_restic import ResticMissing
from orgs.backups.restic.maintenance import Maintained
from orgs.backups.storage_roots import storage_roots
from orgs.models import Archive, MaintenanceResult
from orgs.models.backups.archive_maintenance import maintained, may_be_shortened
from orgs.models.encrypted_text import Undecryptable, decrypted
from orgs.rules.inheritance import effective_settings, snapshot_retention_of
from orgs.rules.snapshot_retention import SnapshotRetention

log = logging.getLogger("rollcall.archives")

# A little less than a day and a week: each night begins at another minute.
FORGET_EVERY, CHECK_EVERY = timedelta(hours=20), timedelta(days=6, hours=20)
# What was due for so much longer is done at any hour.
LATE = timedelta(days=2)
# An archive that was in use has its next turn soon; one that failed has it in the next night.
RETRY_BUSY, RETRY_FAILED = timedelta(hours=1), timedelta(hours=20)
# Seconds after which a turn begins no further archive, and those between two looks whether the present one may go on.
TURN, LOOKED_EVERY = 1200.0, 2.0


class MaintenanceOver(Exception):
    """The archive is to be moved, or is no longer maintained for another reason."""


def carry_out_due(*, clock: Callable[[], datetime], stay: Callable[[], None], turn: float = TURN) -> int:
    """Maintain archives that are due, the longest unchecked first, for about ``turn`` seconds; return how many.

    ``stay`` is called every second, and raises if the worker has to stop: the archive stays whole.
    """
    ends, done = time.monotonic() + turn, 0
    _put_back_what_was_interrupted()
    for pk in _due(clock()):
        if time.monotonic() > ends or not storage_roots().live.is_there():
            break
        try:
            done += _carry_out(pk, clock=clock, stay=stay)
        except ResticMissing:
            log.warning("archives are not maintained: restic is not installed on this machine")
            break
        except Error as error:
            log.warning("archive %s waits for its next turn, as the database did not work: %s", pk, error)
        stay()
    return done


def _put_back_what_was_interrupted() -> None:
    """Put back the snapshots that a killed worker was forgetting: a hold may have begun, and an export be waiting.

    Else that would wait for the next maintenance, which under a hold is the next check.
    """
    root = storage_roots().live
    for repository in forgotten_snapshots.interrupted(root.path):
        with suppress(FolderLocked), locked(root, repository.name):
            try:
                forgotten_snapshots.put_back(repository)
            except OSError as error:
                log.warning("snapshots of %s can't be put back: %s", repository.name, printable(error))


def check_is_due(*, at: datetime) -> Q:
    """Return the condition for archives (with ``since_check``) whose check is due now; damaged ones are checked each day."""
    late = timedelta() if _is_night(at) else LATE
    return Q(since_check__lte=at - CHECK_EVERY - late) | Q(maintenance__damaged_since__isnull=False)


def forgetting_is_due(*, at: datetime) -> Q:
    """Return the condition for archives (with ``since_forgetting``) of which snapshots are to be forgotten now."""
    orgs = [pk for pk, each in effective_settings().items() if not each.snapshot_retention.keeps_all]
    wait = FORGET_EVERY + (timedelta() if _is_night(at) else LATE)
    undamaged = Q(maintenance__damaged_since=None)
    return may_be_shortened() & Q(device__user__org__in=orgs) & undamaged & Q(since_forgetting__lte=at - wait)


def _is_night(at: datetime) -> bool:
    begins, ends = settings.MAINTENANCE_FROM_HOUR, settings.MAINTENANCE_TO_HOUR
    hour = timezone.localtime(at).hour
    return begins <= hour < ends if begins < ends else hour >= begins or hour < ends


def _due(at: datetime) -> list[int]:
    busy = Q(maintenance__result__in=[MaintenanceResult.BUSY, MaintenanceResult.DONE])
    rested = Q(maintenance=None) | Q(maintenance__tried_at__lte=at - RETRY_FAILED)
    rested |= busy & Q(maintenance__tried_at__lte=at - RETRY_BUSY)
    archives = Archive.objects.filter(maintained(), rested, size_bytes__gt=0).annotate(
        since_check=Coalesce("maintenance__checked_at", F("created_at")),
        since_forgetting=Coalesce("maintenance__forgotten_at", F("created_at")),
    )
    due = archives.filter(check_is_due(at=at) | forgetting_is_due(at=at))
    return list(due.order_by("since_check", "pk").values_list("pk", flat=True))


def _carry_out(pk: int, *, clock: Callable[[], datetime], stay: Callable[[], None]) -> bool:
    """Maintain one archive; return whether that came to an end, good or bad."""
    at = clock()
    found = Archive.objects.filter(maintained(), pk=pk).annotate(
        since_check=Coalesce("maintenance__checked_at", F("created_at")),
        since_forgetting=Coalesce("maintenance__forgotten_at", F("created_at")),
    )
    archive = found.select_related("device__user", "repository").first()
    if archive is None:
        return False
    check = found.filter(check_is_due(at=at)).exists()
    forget = found.filter(forgetting_is_due(at=at)).exists()
    retention = effective_settings()[archive.device.user.org_id].snapshot_retention if forget else None
    try:
        done = _maintain(archive, retention, check=check, go_on=_watch(pk, stay))
    except (FolderLocked, MaintenanceOver):
        # Its turn comes again, once its move has ended.
        return False
    except (OSError, Undecryptable) as error:
        done = Maintained(MaintenanceResult.FAILED, words=printable(error))
    if done.result != MaintenanceResult.DONE:
        log.warning("maintenance of the archive of device %s: %s: %s", archive.device.guid, done.result, done.words)
    return maintenance_records.store(archive, done, at=clock())


def _watch(pk: int, stay: Callable[[], None]) -> Callable[[], None]:
    looked_at = time.monotonic()

    def go_on() -> None:
        nonlocal looked_at
        stay()
        if time.monotonic() - looked_at < LOOKED_EVERY:
            return
        looked_at = time.monotonic()
        if not Archive.objects.filter(maintained(), pk=pk).exists():
            raise MaintenanceOver

    return go_on


def _maintain(
    archive: Archive, retention: SnapshotRetention | None, *, check: bool, go_on: Callable[[], None]
) -> Maintained:
    roots, guid = storage_roots(), archive.device.guid
    password = decrypted(archive.repository.password, "repository password")
    with locked(roots.live, guid) as lock:
        # Read again: a move may have begun before the lock was there.
        if not Archive.objects.filter(maintained(), pk=archive.pk).exists():
            raise MaintenanceOver
        shortened = Archive.objects.filter(may_be_shortened(), pk=archive.pk)

        def may_forget() -> bool:
            # A check takes hours: the setting may be another one by now, or the user be in another org.
            return shortened.exists() and snapshot_retention_of(archive.device.user_id) == retention

        return maintenance.maintain(
            roots.live.repository(guid),
            password,
            retention,
            check=check,
            may_forget=may_forget,
            go_on=go_on,
            keep_open=[lock],
        )
