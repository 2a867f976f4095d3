"""Registers computers as devices of users who have signed in on them, and puts them in place of older ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.actions.backups import tokens
from orgs.actions.backups.tokens import SignedInDevice
from orgs.actions.devices_by_hand import replacement
from orgs.actions.errors import Refused
from orgs.backups import gate
from orgs.models import Device
from orgs.rules.actors import Actor

# How many new devices one user may register within a day, and as many by deployment: nobody has as many computers, and each
# takes a folder. Whoever has the token of a policy makes devices in anybody's name, which keep nobody from their own.
MOST_A_DAY = 20
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Computer:
    """What a backup program says about the computer that it runs on."""

    name: str
    os: str = ""
    app_version: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered device with its new token; ``is_new`` if no device was there before."""

    device: SignedInDevice
    is_new: bool


@transaction.atomic
def register(
    *, user_id: int, computer: Computer, by: Actor, at: datetime, guid: str = "", deployed: bool = False
) -> Registered:
    """Give this computer a token: as the user's own active device with this GUID, else as a new device.

    The caller has checked the user's password, or what else stands for it; ``deployed``: a policy, whose device it then notes.

    Raises:
        Refused: when the user is cut off, or has registered too many devices today.
    """
    locks.users([user_id])
    with locks.holding([user_id]):
        known = _own(user_id, guid)
        device_id = known if known is not None else _new(user_id, computer, by=by, at=at, deployed=deployed)
        issued = tokens.issue(device_id=device_id, by=by, at=at)
    if known is not None:
        _take_over(known, computer, at=at)
    return Registered(issued, is_new=known is None)


@transaction.atomic
def replace(*, user_id: int, guid: str, computer: Computer, by: Actor, at: datetime) -> SignedInDevice:
    """Have this computer back up as the user's active device with this GUID; the token of the old computer ends.

    The computer first is a device of its own, as every computer in place of another one is.

    Raises:
        Refused: when the user has no such device, or it can't be replaced; when the user is cut off.
    """
    locks.users([user_id])
    with locks.holding([user_id]):
        replaced = Device.objects.filter(user=user_id, guid=guid, active=True).first()
        if replaced is None:
            raise Refused("you have no active device with this GUID")
        state = gate.of_device(replaced.pk)
        if state is not None and (reason := gate.cut_off(state)) is not None:
            # A block of the device is an administrator's: a replacement by the user does not undo it.
            raise Refused(str(reason.sentence).removesuffix("."))
        new = _new(user_id, computer, by=by, at=at)
        replacement.replace(device_id=replaced.pk, computer_id=new, by=by, at=at)
        return tokens.issue(device_id=replaced.pk, by=by, at=at)


def _own(user_id: int, guid: str) -> int | None:
    """Return the user's device with this GUID, if it may back up and its archive is not lost."""
    if not guid:
        return None
    device_id = Device.objects.filter(user=user_id, guid=guid, active=True, blocked=False).values_list("pk", flat=True)
    state = gate.of_device(device_id[0]) if device_id else None
    if state is None or gate.of_the_archive(state) is gate.ARCHIVE_EXPIRED:
        return None
    return state.device_id


def _new(user_id: int, computer: Computer, *, by: Actor, at: datetime, deployed: bool = False) -> int:
    of_today = Device.objects.filter(user=user_id, created_at__gt=at - _DAY, deployment__isnull=not deployed)
    if of_today.count() >= MOST_A_DAY:
        raise Refused(f"you have registered {MOST_A_DAY} devices within a day: try again tomorrow")
    device = Device.objects.create(
        user_id=user_id, name=computer.name, os=computer.os, app_version=computer.app_version, last_connected=at
    )
    fact = Fact("device", device.pk, device.name, after={"guid": device.guid, "user": user_id, "os": device.os})
    note([fact], action="device registered", by=by, at=at)
    return device.pk


def _take_over(device_id: int, computer: Computer, *, at: datetime) -> None:
    """Write what the computer says about itself; the audit row of the sign-in is there already."""
    Device.objects.filter(pk=device_id).update(
        name=computer.name, os=computer.os, app_version=computer.app_version, last_connected=at
    )
