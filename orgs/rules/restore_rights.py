"""Decides whose files a viewer may restore from the console, and how much at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db.models import Q

from orgs.models import Device, User
from orgs.models.devices import DeviceQuerySet
from orgs.permissions import Permission

# How much a role with a limit of size may restore at a time.
LIMITED_BYTES: Final = 250 * 1024**2
# How much anybody may download at a time: the console has few places for downloads. A restore to the computer has no limit.
LARGEST_DOWNLOAD: Final = 2 * 1024**3


class RestoreWay(StrEnum):
    """Where the files go: to the browser as a zip, or into a new folder on the computer."""

    DOWNLOAD = "download"
    COMPUTER = "computer"


# For each way the permission without a limit, the one with a limit of size, and the one for one's own devices.
_PERMISSIONS: Final = {
    RestoreWay.DOWNLOAD: (Permission.RESTORE, Permission.RESTORE_LIMITED, Permission.RESTORE_PERSONAL),
    RestoreWay.COMPUTER: (
        Permission.PUSH_RESTORE,
        Permission.PUSH_RESTORE_LIMITED,
        Permission.PUSH_RESTORE_PERSONAL,
    ),
}


# Who has none of them restores nothing; a permission without a limit implies the one with a limit.
SOME_RESTORES: Final = (
    Permission.RESTORE_PERSONAL,
    Permission.RESTORE_LIMITED,
    Permission.PUSH_RESTORE_PERSONAL,
    Permission.PUSH_RESTORE_LIMITED,
)


@dataclass(frozen=True, slots=True)
class RestoreRight:
    """What a viewer may restore from one device at a time, in one way; None is no limit."""

    most_bytes: int | None


def right(viewer: User, device: Device, way: RestoreWay) -> RestoreRight | None:
    """Return what the viewer may restore of the device in this way; None if nothing. User and org have to be loaded."""
    every, limited, personal = _PERMISSIONS[way]
    largest = LARGEST_DOWNLOAD if way is RestoreWay.DOWNLOAD else None
    is_own = device.user_id == viewer.pk and viewer.may(personal)
    if is_own or viewer.may_in(every, device.user.org):
        return RestoreRight(largest)
    return RestoreRight(LIMITED_BYTES) if viewer.may_in(limited, device.user.org) else None


def restorable_by(viewer: User) -> DeviceQuerySet:
    """Return the devices whose files the viewer may restore in some way."""
    devices: DeviceQuerySet = Device.objects.all()
    condition = Q(pk__in=[])
    for _every, limited, personal in _PERMISSIONS.values():
        # Who holds the permission without a limit holds this one, too.
        if viewer.may_everywhere(limited):
            return devices
        if viewer.may(limited):
            condition |= Q(user__org__path__startswith=viewer.org.path)
        if viewer.may(personal):
            condition |= Q(user=viewer.pk)
    found: DeviceQuerySet = devices.filter(condition)
    return found
