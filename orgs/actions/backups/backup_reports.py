"""Keeps what devices report of their backups, and when they were last there; no person acts, so nothing is audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from orgs.actions.errors import Refused
from orgs.models import BackupReport, Device, DeviceToken
from orgs.models.backups.backup_reports import LONGEST_MESSAGE, WHOLE_BACKUPS

# Devices ask every 30 seconds; the time is stored at most this often, as each write costs the database a flush.
CONNECTED_EVERY = timedelta(minutes=1)
TOKEN_USED_EVERY = timedelta(hours=1)
# How many reports of one device are taken within an hour.
MOST_AN_HOUR = 60


@dataclass(frozen=True, slots=True)
class ReportedBackup:
    """What a device says about one backup."""

    exit_code: int
    message: str = ""
    files: int = 0
    read_bytes: int = 0
    new_bytes: int = 0
    seconds: int = 0
    snapshot: str = ""


@transaction.atomic
def keep(*, device_id: int, report: ReportedBackup, at: datetime) -> None:
    """Store a report, and the time of the backup if it came to its end.

    Raises:
        Refused: when the device has sent too many in the last hour.
    """
    recent = BackupReport.objects.filter(device=device_id, at__gt=at - timedelta(hours=1))
    if recent.count() >= MOST_AN_HOUR:
        raise Refused(f"this device has sent {MOST_AN_HOUR} reports in an hour")
    BackupReport.objects.create(
        device_id=device_id,
        at=at,
        exit_code=report.exit_code,
        message=report.message[:LONGEST_MESSAGE],
        files=report.files,
        read_bytes=report.read_bytes,
        new_bytes=report.new_bytes,
        seconds=report.seconds,
        snapshot=report.snapshot,
    )
    if report.exit_code in WHOLE_BACKUPS:
        Device.objects.filter(pk=device_id).update(last_backup_at=at)


def connected(*, device_id: int, last: datetime | None, used: datetime | None, app_version: str, at: datetime) -> None:
    """Store that a device was there; ``last`` and ``used`` are the stored times, which decide whether it is due."""
    # A time to come is that of a clock that was put back since.
    if last is None or not at - CONNECTED_EVERY < last <= at:
        values = {"last_connected": at} | ({"app_version": app_version} if app_version else {})
        # Of two requests at once one writes.
        is_due = Q(last_connected=None) | Q(last_connected__lte=at - CONNECTED_EVERY) | Q(last_connected__gt=at)
        Device.objects.filter(is_due, pk=device_id).update(**values)
    if used is None or not at - TOKEN_USED_EVERY < used <= at:
        DeviceToken.objects.filter(device=device_id).update(used_at=at)
