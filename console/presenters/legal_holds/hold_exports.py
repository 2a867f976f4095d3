"""Presents exports of custodians' archives, and what a new one would read and write."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from console.elements.badges import Badge
from console.elements.effects import Effect
from orgs.models import Device, ExportState, HoldExport

_BADGES = {
    ExportState.WAITING: Badge(ExportState.WAITING.label, "clock", "info"),
    ExportState.WORKING: Badge(ExportState.WORKING.label, "loader", "info"),
    ExportState.DONE: Badge(ExportState.DONE.label, "circle-check", "good"),
    ExportState.FAILED: Badge(ExportState.FAILED.label, "circle-x", "bad"),
    ExportState.REMOVED: Badge(ExportState.REMOVED.label, "trash-2", "quiet"),
}


@dataclass(frozen=True, slots=True)
class ShownExport:
    """One export with its badge; ``removable`` says whether it has, or will have, files."""

    export: HoldExport
    badge: Badge
    ready: bool
    removable: bool


def shown(export: HoldExport) -> ShownExport:
    """Return an export as the page shows it."""
    state = ExportState(export.state)
    removable = state in {ExportState.WAITING, ExportState.WORKING, ExportState.DONE}
    return ShownExport(export, _BADGES[state], state == ExportState.DONE, removable)


def effects(device: Device) -> list[Effect]:
    """Return what an export of a device's archive means."""
    size = sum(device.archives.values_list("size_bytes", flat=True))
    return [
        Effect(
            _("Archive that is read"),
            1,
            _("%(size)s are stored, compressed; the archive itself does not change.") % {"size": filesizeformat(size)},
            "archive",
        ),
        Effect(
            _("Tar files that are written"),
            1,
            _(
                "One for each snapshot, with all its files as they were on the computer, beside a list of the SHA-256 of each "
                "file. They need room in Rollcall's data folder."
            ),
            "package",
            under=_("With every snapshot, each has all its files anew: that may be many times as much."),
        ),
    ]
