"""Presents which devices stop if a plan is applied, and how much goes to cold storage, as sentences with numbers."""

from __future__ import annotations

from datetime import datetime

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.presenters.user_effects.archive_figures import expiry_between
from directory.models import Run, RunChange
from directory.sync.stored import leaving_devices
from directory.sync.stored.leaving_devices import LeavingDevice


def of_plan(run: Run, *, at: datetime) -> list[str]:
    """Return what the plan of a run means for devices and archives; nothing if it deactivates nobody with a device."""
    totals = leaving_devices.totals(run, at=at)
    if totals is None or not totals.devices:
        return []
    sentences = [
        ngettext("%(count)d device stops.", "%(count)d devices stop.", totals.devices) % {"count": totals.devices}
    ]
    if totals.archives:
        words = ngettext(
            "%(count)d archive (%(size)s) goes to cold storage.",
            "%(count)d archives (%(size)s) go to cold storage.",
            totals.archives,
        )
        sentences.append(words % {"count": totals.archives, "size": filesizeformat(totals.size_bytes)})
    if totals.first_expiry and totals.last_expiry:
        sentences.append(expiry_between(totals.first_expiry, totals.last_expiry, of_one=totals.archives == 1))
    return sentences


def of_change(run: Run, change: RunChange, *, at: datetime) -> list[str]:
    """Return what a planned deactivation means for each device of the user; nothing for other changes."""
    found = leaving_devices.of_changes([change], at=at) if leaving_devices.waits(run, at=at) else {}
    return [_sentence(device) for device in found.get(change.user_id or 0, [])]


def _sentence(device: LeavingDevice) -> str:
    values = {"device": device.name, "guid": device.guid}
    if device.expires_at is None:
        return _("Then the device %(device)s (%(guid)s) stops.") % values
    values |= {
        "size": filesizeformat(device.size_bytes),
        "expiry": expiry_between(device.expires_at, device.expires_at, of_one=True),
    }
    return (
        _("Then the device %(device)s (%(guid)s) stops; its archive (%(size)s) goes to cold storage. %(expiry)s")
        % values
    )
