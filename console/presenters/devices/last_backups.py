"""Presents the last backups of a device: how each ended, in a badge, with its figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from console.elements.badges import Badge
from orgs.models import BackupReport, Device

# How many of the last backups the page has.
LATEST = 10
# The exit codes of the program on the computer.
_DONE = Badge(_("done"), "circle-check", "good")
_SOME_UNREADABLE = Badge(_("done, some files unreadable"), "triangle-alert", "warn")
_REFUSED = Badge(_("refused"), "ban", "bad")
_AWAY = Badge(_("server not reached"), "unplug", "warn")
_BUSY = Badge(_("another backup ran"), "clock", "warn")
_FAILED = Badge(_("failed"), "circle-x", "bad")
_RESULTS = {0: _DONE, 3: _SOME_UNREADABLE, 69: _AWAY, 75: _BUSY, 77: _REFUSED}


@dataclass(frozen=True, slots=True)
class ShownBackup:
    """One backup as its device reported it."""

    result: Badge
    at: datetime
    message: str
    files: int
    read_bytes: int
    new_bytes: int
    duration: str


def of_device(device: Device) -> list[ShownBackup]:
    """Return the last backups of a device, the newest first."""
    reports = BackupReport.objects.filter(device=device).order_by("-at", "-pk")[:LATEST]
    return [
        ShownBackup(
            _RESULTS.get(each.exit_code, _FAILED),
            each.at,
            each.message,
            each.files,
            each.read_bytes,
            each.new_bytes,
            str(timedelta(seconds=each.seconds)),
        )
        for each in reports
    ]
