"""Presents the effects of an undo on devices and archives, as sentences with numbers."""

from __future__ import annotations

from collections import Counter

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from directory.models import Run
from directory.values.plan import Outcome
from orgs.models import ArchiveState

_DEVICES = {
    "on": ngettext_lazy("%(count)d device is active again.", "%(count)d devices are active again.", "count"),
    "off": ngettext_lazy("%(count)d device is deactivated.", "%(count)d devices are deactivated.", "count"),
    "authorized": ngettext_lazy(
        "%(count)d device backs up again without another sign-in.",
        "%(count)d devices back up again without another sign-in.",
        "count",
    ),
    "deauthorized": ngettext_lazy(
        "%(count)d device has to sign in again.", "%(count)d devices have to sign in again.", "count"
    ),
}
_ARCHIVES = {
    "live": ngettext_lazy(
        "%(count)d archive (%(size)s) leaves cold storage.",
        "%(count)d archives (%(size)s) leave cold storage.",
        "count",
    ),
    "cold": ngettext_lazy(
        "%(count)d archive (%(size)s) goes to cold storage.",
        "%(count)d archives (%(size)s) go to cold storage.",
        "count",
    ),
}


def undo_effects(run: Run) -> list[str]:
    """Return the effects of applying the plan of an undo, beside those on the users themselves."""
    devices: Counter[str] = Counter()
    archives: Counter[str] = Counter()
    size: Counter[str] = Counter()
    planned = run.stored_changes.filter(outcome__in=[Outcome.PLANNED, Outcome.APPLIED]).values_list(
        "put_back", flat=True
    )
    for put_back in planned.iterator(chunk_size=1000):
        for device in put_back.get("devices", {}).values():
            now, then = device["now"], device["then"]
            if now["active"] != then["active"]:
                devices["on" if then["active"] else "off"] += 1
            if now["authorized"] != then["authorized"]:
                devices["authorized" if then["authorized"] else "deauthorized"] += 1
        for archive in put_back.get("archives", {}).values():
            way = "live" if archive["then"]["state"] == ArchiveState.LIVE else "cold"
            archives[way] += 1
            size[way] += archive["bytes"]
    effects = [str(words % {"count": devices[way]}) for way, words in _DEVICES.items() if devices[way]]
    effects += [
        str(words % {"count": archives[way], "size": filesizeformat(size[way])})
        for way, words in _ARCHIVES.items()
        if archives[way]
    ]
    return effects or [_("No device or archive is touched.")]
