"""Presents the archives of a device with their maintenance: when each was checked, what was found, what is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.elements.badges import Badge
from console.presenters.orgs.snapshot_effects import kept_in_words
from orgs.models import Archive, ArchiveMaintenance, ArchiveState, Device, KeyHolder, MaintenanceResult, Repository
from orgs.rules.inheritance import effective_settings
from orgs.rules.snapshot_retention import SnapshotRetention

_SOUND = Badge(gettext_lazy("sound"), "circle-check", "good")
_DAMAGED = Badge(gettext_lazy("damaged"), "archive-x", "bad")
_FAILED = Badge(gettext_lazy("check failed"), "triangle-alert", "warn")
_NOT_YET = Badge(gettext_lazy("not checked yet"), "clock", "quiet")


@dataclass(frozen=True, slots=True)
class ShownArchive:
    """One archive with its maintenance; ``badge`` is None where it has none, and ``why`` then says why."""

    archive: Archive
    badge: Badge | None
    at: datetime | None
    why: str
    message: str


@dataclass(frozen=True, slots=True)
class ArchiveUpkeep:
    """The archives of a device, and a sentence about the snapshots that are kept; empty without a maintained archive."""

    archives: list[ShownArchive]
    kept: str


def of_device(device: Device, *, on_hold: bool) -> ArchiveUpkeep:
    """Return the archives of a device, the newest first; its user has to be loaded."""
    found = device.archives.select_related("repository", "maintenance").order_by("-created_at", "-pk")
    shown = [_shown(archive) for archive in found]
    retention = effective_settings()[device.user.org_id].snapshot_retention
    maintained = any(each.badge is not None for each in shown)
    return ArchiveUpkeep(shown, _kept(device, retention, on_hold=on_hold) if maintained else "")


def _shown(archive: Archive) -> ShownArchive:
    repository: Repository | None = getattr(archive, "repository", None)
    row: ArchiveMaintenance | None = getattr(archive, "maintenance", None)
    is_damaged = row is not None and row.damaged_since is not None
    why = ""
    if repository is not None and repository.key_holder == KeyHolder.USER:
        why = _("The user holds the key: Rollcall can't check it.")
    elif archive.state != ArchiveState.LIVE and not is_damaged:
        why = _("not checked in cold storage")
    if repository is None or why:
        return ShownArchive(archive, None, None, why, "")
    return _checked(archive, row)


def _checked(archive: Archive, row: ArchiveMaintenance | None) -> ShownArchive:
    if row is None:
        return ShownArchive(archive, _NOT_YET, None, "", "")
    if row.damaged_since is not None:
        return ShownArchive(archive, _DAMAGED, row.damaged_since, "", row.message)
    if row.result == MaintenanceResult.FAILED:
        return ShownArchive(archive, _FAILED, row.tried_at, "", row.message)
    return ShownArchive(archive, _SOUND if row.checked_at else _NOT_YET, row.checked_at, "", "")


def _kept(device: Device, retention: SnapshotRetention, *, on_hold: bool) -> str:
    if on_hold:
        return _("The user is on legal hold: every snapshot is kept, whatever the org keeps.")
    if retention.keeps_all:
        return _("Every snapshot is kept, as the org has it.")
    if device.blocked or device.user.blocked:
        return _("Nothing is forgotten while the device or its user is blocked.")
    return _("Each night all snapshots are forgotten but these: %(kept)s.") % {"kept": kept_in_words(retention)}
