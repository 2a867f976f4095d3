"""Decides which acts a viewer may do to a device: the one list for the device's page, its menu and the pages of the acts."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

from django.db.models import F
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.presenters.offered_acts import ActCatalogue, ActKind
from orgs.actions import devices, escalation_guard
from orgs.actions.errors import Refused
from orgs.models import Archive, ArchiveState, Device, User
from orgs.models.devices import DeviceQuerySet
from orgs.rules.actors import person


class DeviceAct(StrEnum):
    """An act on a device; the value is the name of its page in ``devices``."""

    REPLACE = "replace"
    REACTIVATE = "reactivate"
    UNBLOCK = "unblock"
    AUTHORIZE = "authorize"
    DEAUTHORIZE = "deauthorize"
    BLOCK = "block"
    DEACTIVATE = "deactivate"


class DeviceFacts:
    """The facts about a device and a viewer that decide which acts fit; each is read when it is needed."""

    def __init__(self, device: Device, viewer: User) -> None:
        self.device, self.viewer = device, viewer

    @cached_property
    def is_managed(self) -> bool:
        """Whether the device belongs to the viewer's part, and the viewer may change devices."""
        return bool(Device.objects.managed_by(self.viewer).filter(pk=self.device.pk).exists())

    @cached_property
    def may_not_open(self) -> str:
        """Why nobody, or not this viewer, may let the device back up; empty if they may."""
        user = self.device.user
        if not user.active:
            return gettext("%(user)s is deactivated: reactivate the user first.") % {"user": user.username}
        if user.blocked:
            return gettext("%(user)s is blocked: unblock the user first.") % {"user": user.username}
        return self.holds_more

    @cached_property
    def holds_more(self) -> str:
        """Why the viewer may not open a way in to backups of this user; empty if they may."""
        try:
            escalation_guard.refuse_above(
                user_ids=[self.device.user_id], doing=gettext("do this"), by=person(self.viewer)
            )
        except Refused as reason:
            return f"{reason}."
        return ""

    @cached_property
    def no_other_computer(self) -> str:
        """Why no other device may take this one's place; empty if one may."""
        if replacements(self.device).exists():
            return ""
        if _other_devices(self.device).exists():
            words = gettext(
                "%(user)s is on legal hold, and replacing sends the archive of the other device to cold storage: release the "
                "user first."
            )
        else:
            words = gettext("%(user)s has no other device that may back up: the new computer has to sign in first.")
        return words % {"user": self.device.user.username}

    @cached_property
    def on_hold(self) -> str:
        """Why the archives may not go to cold storage; empty if they may."""
        if devices.held_archive([self.device.pk]) is None:
            return ""
        words = gettext("%(user)s is on legal hold, so archives may not go to cold storage: block the device instead.")
        return words % {"user": self.device.user.username}


# In the order of the menu.
_KINDS: dict[StrEnum, ActKind[DeviceFacts]] = {
    DeviceAct.REACTIVATE: ActKind(
        _("Reactivate…"), "rotate-ccw", lambda facts: not facts.device.active, lambda facts: facts.may_not_open
    ),
    DeviceAct.UNBLOCK: ActKind(
        _("Unblock…"), "lock-open", lambda facts: facts.device.blocked, lambda facts: facts.holds_more
    ),
    DeviceAct.REPLACE: ActKind(
        _("Replace…"),
        "replace",
        lambda _facts: True,
        lambda facts: facts.may_not_open or facts.no_other_computer,
    ),
    DeviceAct.AUTHORIZE: ActKind(
        _("Authorize…"),
        "key-round",
        lambda facts: facts.device.active and not facts.device.authorized,
        lambda facts: facts.may_not_open,
    ),
    DeviceAct.DEAUTHORIZE: ActKind(
        _("Deauthorize…"), "log-out", lambda facts: facts.device.active and facts.device.authorized, cuts_off=True
    ),
    DeviceAct.BLOCK: ActKind(_("Block…"), "ban", lambda facts: not facts.device.blocked, cuts_off=True),
    DeviceAct.DEACTIVATE: ActKind(
        _("Deactivate…"), "monitor-off", lambda facts: facts.device.active, lambda facts: facts.on_hold, cuts_off=True
    ),
}
# ``with_button``: acts with a button of their own; the others are in the menu.
DEVICE_ACTS = ActCatalogue(
    area="devices",
    facts=DeviceFacts,
    kinds=_KINDS,
    with_button=(DeviceAct.REPLACE, DeviceAct.REACTIVATE, DeviceAct.UNBLOCK, DeviceAct.AUTHORIZE),
)


def replacements(device: Device) -> DeviceQuerySet:
    """Return the other devices of the user whose computers may take this device's place, the last connected first.

    A device whose archive a legal hold keeps out of cold storage is not among them.
    """
    on_hold = Archive.objects.filter(device__user=device.user_id, state=ArchiveState.LIVE).on_legal_hold()
    others = _other_devices(device).exclude(pk__in=on_hold.order_by().values("device"))
    found: DeviceQuerySet = others.order_by(F("last_connected").desc(nulls_last=True), "-pk")
    return found


def _other_devices(device: Device) -> DeviceQuerySet:
    """Return the other devices of the user that back up."""
    others: DeviceQuerySet = Device.objects.filter(user=device.user_id, active=True, blocked=False)
    found: DeviceQuerySet = others.exclude(pk=device.pk)
    return found
