"""Presents the page of a device: its user, acts and tabs, its archives, and what happened to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.elements.tabs import Tab
from console.presenters.devices import archive_upkeep, last_backups
from console.presenters.devices.archive_upkeep import ArchiveUpkeep
from console.presenters.devices.device_acts import DEVICE_ACTS
from console.presenters.devices.device_story_words import words_of
from console.presenters.devices.last_backups import ShownBackup
from console.presenters.offered_acts import OfferedActs
from orgs.backups import gate
from orgs.backups.gate import Refusal
from orgs.models import AuditEntry, DeployedDevice, Device, User
from orgs.permissions import Permission
from orgs.rules.restore_rights import RestoreWay, right

_TABS: tuple[tuple[str, str | Promise, Permission], ...] = (
    ("detail", _("Overview"), Permission.COMPUTER_READ),
    ("audit", _("Audit"), Permission.SYSTEM),
)
# How many of the latest events the overview has.
_LATEST = 12


@dataclass(frozen=True, slots=True)
class DeviceHead:
    """What stands above the tabs: the user, if the viewer may see them, the device that it backs up as, acts, and tabs.

    ``backs_up`` says whether the computer backs up as that device now.
    """

    owner: User
    owner_visible: bool
    backs_up_as: Device | None
    backs_up: str
    acts: OfferedActs
    tabs: list[Tab]


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """One thing that happened to a device or to its archive."""

    at: datetime
    who: str
    sentence: str
    icon: str
    before: dict[str, object]
    after: dict[str, object]


@dataclass(frozen=True, slots=True)
class DeviceOverview:
    """The contents of the tab Overview.

    ``refusal`` is why the device may not back up, None if it may; ``computers`` are those that have taken this place, and
    ``backups`` are the last ones. ``deployment`` is how it came, if by a deployment policy: a warning to whoever restores
    files to it.
    """

    refusal: Refusal | None
    upkeep: ArchiveUpkeep
    bytes: int
    computers: list[Device]
    deployment: DeployedDevice | None
    events: list[DeviceEvent]
    backups: list[ShownBackup]


def device_head(device: Device, viewer: User, *, tab: str) -> DeviceHead:
    """Return what stands above the tabs; ``tab`` is the open one."""
    owner = User.objects.with_hold().select_related("org").get(pk=device.user_id)
    backs_up_as = next(reversed(device.replaced_devices()), None)
    return DeviceHead(
        owner=owner,
        owner_visible=User.objects.visible_to(viewer).filter(pk=owner.pk).exists(),
        backs_up_as=backs_up_as,
        backs_up=_backs_up(backs_up_as, owner) if backs_up_as is not None else "",
        acts=DEVICE_ACTS.offered(device, viewer),
        tabs=[*_tabs(device, viewer, tab), *_restores(device, viewer)],
    )


def _tabs(device: Device, viewer: User, tab: str) -> list[Tab]:
    return [
        Tab(label, reverse(f"devices:{name}", args=[device.pk]), current=name == tab)
        for name, label, permission in _TABS
        if viewer.may(permission)
    ]


def _restores(device: Device, viewer: User) -> list[Tab]:
    """Return the way to the files of the device, for those who may restore them."""
    if not any(right(viewer, device, way) for way in RestoreWay):
        return []
    return [Tab(gettext("Restore files"), reverse("restores:detail", args=[device.pk]))]


def _backs_up(other: Device, owner: User) -> str:
    """Say whether a computer backs up as the other device, whose place it took, and what to do if it does not."""
    names = {"guid": other.guid, "user": owner.username}
    why_not = gate.refusal(gate.of_device(other.pk))
    if not owner.active:
        words = gettext("It belongs to GUID %(guid)s and backs up nothing, because %(user)s is deactivated.")
    elif owner.blocked:
        words = gettext("It belongs to GUID %(guid)s and backs up nothing, because %(user)s is blocked.")
    elif not other.active:
        words = gettext(
            "It belongs to GUID %(guid)s, which is deactivated, so it backs up nothing. Reactivate that device to go on with "
            "its archive, or this one to begin anew."
        )
    elif other.blocked:
        words = gettext("It belongs to GUID %(guid)s, which is blocked: it backs up nothing until that is unblocked.")
    elif not other.authorized or why_not == gate.UNKNOWN:
        words = gettext("It backs up as GUID %(guid)s as soon as its user has signed in on it.")
    elif why_not is not None:
        words = gettext("It belongs to GUID %(guid)s and backs up nothing. The reason: %(sentence)s")
        names["sentence"] = str(why_not.sentence)
    else:
        words = gettext("It backs up as GUID %(guid)s now.")
    return words % names


def overview(device: Device) -> DeviceOverview:
    """Return the contents of the tab Overview."""
    state = gate.of_device(device.pk)
    upkeep = archive_upkeep.of_device(device, on_hold=state is not None and state.on_hold)
    entries = AuditEntry.objects.filter(about(device)).newest_first()[:_LATEST]
    return DeviceOverview(
        refusal=gate.refusal(state),
        upkeep=upkeep,
        bytes=sum(each.archive.size_bytes for each in upkeep.archives),
        computers=list(Device.objects.filter(user=device.user_id, in_place_of=device).order_by("-deactivated_at")),
        deployment=DeployedDevice.objects.filter(device=device).first(),
        events=list(_events(entries)),
        backups=last_backups.of_device(device),
    )


def about(device: Device) -> Q:
    """Return the condition for audit entries about the device and its archives."""
    archives = device.archives.order_by().values_list("pk", flat=True)
    return Q(object_type="device", object_id=device.pk) | Q(object_type="archive", object_id__in=list(archives))


def _events(entries: Iterable[AuditEntry]) -> Iterable[DeviceEvent]:
    for entry in entries:
        sentence, icon = words_of(entry.action)
        yield DeviceEvent(entry.at, entry.actor_label, sentence, icon, entry.before, entry.after)
