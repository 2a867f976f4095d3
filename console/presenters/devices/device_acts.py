"""Decides which acts a viewer may do to a device: the one list for the device's page, its menu and the pages of the acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from django.db.models import F
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

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


@dataclass(frozen=True, slots=True)
class DeviceActKind:
    """One kind of act: its words, when it makes sense, and what may stand against it.

    ``fits`` is about the device's state alone. ``refusal`` is why this viewer can't do it although it fits.
    """

    label: Promise
    icon: str
    fits: Callable[[Device], bool]
    refusal: Callable[[DeviceFacts], str] = lambda _facts: ""
    cuts_off: bool = False


@dataclass(frozen=True, slots=True)
class OfferedDeviceAct:
    """An act that makes sense for a device; ``refusal`` is why the viewer can't do it, empty if they can."""

    act: DeviceAct
    kind: DeviceActKind
    address: str
    refusal: str


# In the order of the menu.
_KINDS: dict[DeviceAct, DeviceActKind] = {
    DeviceAct.REACTIVATE: DeviceActKind(
        _("Reactivate…"), "rotate-ccw", lambda device: not device.active, lambda facts: facts.may_not_open
    ),
    DeviceAct.UNBLOCK: DeviceActKind(
        _("Unblock…"), "lock-open", lambda device: device.blocked, lambda facts: facts.holds_more
    ),
    DeviceAct.REPLACE: DeviceActKind(
        _("Replace…"),
        "replace",
        lambda _device: True,
        lambda facts: facts.may_not_open or facts.no_other_computer,
    ),
    DeviceAct.AUTHORIZE: DeviceActKind(
        _("Authorize…"),
        "key-round",
        lambda device: device.active and not device.authorized,
        lambda facts: facts.may_not_open,
    ),
    DeviceAct.DEAUTHORIZE: DeviceActKind(
        _("Deauthorize…"), "log-out", lambda device: device.active and device.authorized, cuts_off=True
    ),
    DeviceAct.BLOCK: DeviceActKind(_("Block…"), "ban", lambda device: not device.blocked, cuts_off=True),
    DeviceAct.DEACTIVATE: DeviceActKind(
        _("Deactivate…"), "monitor-off", lambda device: device.active, lambda facts: facts.on_hold, cuts_off=True
    ),
}
# Acts with a button of their own; the others are in the menu.
_BUTTONS = (DeviceAct.REPLACE, DeviceAct.REACTIVATE, DeviceAct.UNBLOCK, DeviceAct.AUTHORIZE)


@dataclass(frozen=True, slots=True)
class DeviceActs:
    """The acts that a viewer sees on a device's page: some as buttons, the others in a menu."""

    offered: tuple[OfferedDeviceAct, ...]

    @property
    def buttons(self) -> list[OfferedDeviceAct]:
        """The main acts that the viewer can do."""
        return [each for each in self.offered if each.act in _BUTTONS and not each.refusal]

    @property
    def menu(self) -> list[OfferedDeviceAct]:
        """The other acts, without those that stop backups."""
        shown = self.buttons
        return [each for each in self.offered if each not in shown and not each.kind.cuts_off]

    @property
    def cutting_off(self) -> list[OfferedDeviceAct]:
        """The acts that stop backups."""
        return [each for each in self.offered if each.kind.cuts_off]


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


def device_acts(device: Device, viewer: User) -> DeviceActs:
    """Return the acts that make sense for the device; none if the viewer may not change devices, or not this one."""
    facts = DeviceFacts(device, viewer)
    if not facts.is_managed:
        return DeviceActs(())
    return DeviceActs(tuple(_offered(act, kind, facts) for act, kind in _KINDS.items() if kind.fits(device)))


def offered(act: DeviceAct, device: Device, viewer: User) -> OfferedDeviceAct | None:
    """Return one act; None if it does not fit the device's state, or the viewer may not change this device."""
    facts = DeviceFacts(device, viewer)
    kind = _KINDS[act]
    return _offered(act, kind, facts) if facts.is_managed and kind.fits(device) else None


def kind_of(act: DeviceAct) -> DeviceActKind:
    """Return the words and rules of an act."""
    return _KINDS[act]


def _offered(act: DeviceAct, kind: DeviceActKind, facts: DeviceFacts) -> OfferedDeviceAct:
    return OfferedDeviceAct(act, kind, reverse(f"devices:{act}", args=[facts.device.pk]), kind.refusal(facts))
