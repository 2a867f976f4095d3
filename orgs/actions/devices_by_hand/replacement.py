"""Puts one computer of a user in place of another: the device with its GUID and archives stays, the computer changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from orgs.actions import devices, escalation_guard, locks
from orgs.actions.archives import Restored, out_of_cold_storage
from orgs.actions.audit import Fact, note
from orgs.actions.backups import tokens
from orgs.actions.devices_by_hand.states import refuse_users_cut_off
from orgs.actions.errors import Refused
from orgs.models import Device, SetBy
from orgs.rules.actors import Actor

# What belongs to the computer. GUID, archives and settings belong to the device, and stay.
COMPUTER = ("name", "os", "app_version", "last_connected")


@transaction.atomic
def replace(*, device_id: int, computer_id: int, by: Actor, at: datetime) -> Restored:
    """Have the computer of another device (``computer_id``) back up as this one from now on.

    This device keeps its GUID, archives and settings, is active and not blocked, and its user signs in on the new computer
    once. Its token ends, so the old computer can't go on with a sign-in of before. The device that the new computer was is deactivated, and
    its archive goes to cold storage. Returns the archives of this device that came back, and those that are lost.

    Raises:
        Refused: when the two are not devices of one user; when the user is deactivated, blocked, or holds more than
            ``by``; when the new computer may not back up; when its archive would leave a user on legal hold.
    """
    locks.owners_of_devices([device_id, computer_id])
    found = {each.pk: each for each in Device.objects.select_related("user").filter(pk__in=[device_id, computer_id])}
    if device_id not in found or computer_id not in found or device_id == computer_id:
        raise Refused("choose another device of the same user")
    device, computer = found[device_id], found[computer_id]
    _refuse_what_does_not_fit(device, computer)
    refuse_users_cut_off(Device.objects.filter(pk=device.pk))
    escalation_guard.refuse_above(user_ids=[device.user_id], doing="replace their devices", by=by)
    with locks.holding([device.user_id]):
        _end_places(device, by=by, at=at)
        devices.deactivate(device_ids=[computer.pk], by=by, at=at)
        if device.active:
            restored = out_of_cold_storage(device_ids=[device.pk], at=at)
        else:
            restored = devices.reactivate(device_ids=[device.pk], by=by, at=at)
    computer_facts = {name: getattr(computer, name) for name in COMPUTER}
    Device.objects.filter(pk=device.pk).update(
        blocked=False, blocked_by=SetBy.NOBODY, blocked_at=None, authorized=False, in_place_of=None, **computer_facts
    )
    Device.objects.filter(pk=computer.pk).update(in_place_of=device.pk)
    tokens.end(device_ids=[device.pk])
    _note(device, computer, by=by, at=at)
    return restored


def _end_places(device: Device, *, by: Actor, at: datetime) -> None:
    """End that other computers are behind this device, before another one is.

    While the device's own computer is in the place of another device, that computer stays there: so do those whose computer
    it is.
    """
    if device.in_place_of_id is not None:
        Device.objects.filter(in_place_of=device.pk).update(in_place_of=device.in_place_of_id)
        Device.objects.filter(pk=device.pk).update(in_place_of=None)
        return
    others = Device.objects.filter(user=device.user_id, in_place_of__isnull=False).select_related("in_place_of")
    ended = [each for each in others.order_by("pk") if device in each.replaced_devices()]
    # Their user signs in on them again when they come back as themselves.
    Device.objects.filter(pk__among=[each.pk for each in ended]).update(in_place_of=None, authorized=False)
    tokens.end(device_ids=[each.pk for each in ended])
    facts = [
        Fact(
            "device",
            each.pk,
            each.name,
            {"in_place_of": each.in_place_of.guid if each.in_place_of else None, "authorized": each.authorized},
            {"in_place_of": None, "authorized": False},
        )
        for each in ended
    ]
    note(facts, action="device lost its place", by=by, at=at)


def _refuse_what_does_not_fit(device: Device, computer: Device) -> None:
    if device.user_id != computer.user_id:
        raise Refused(
            f"{computer.name} belongs to {computer.user.username}, and {device.name} to {device.user.username}: "
            "only a device of the same user may take its place"
        )
    if not computer.active:
        raise Refused(f"{computer.name} is deactivated, so it can't take the place of {device.name}")
    if computer.blocked:
        raise Refused(f"{computer.name} is blocked, so it can't take the place of {device.name}: unblock it first")
    if devices.held_archive([computer.pk]) is not None:
        raise Refused(
            f"{computer.user.username} is on legal hold, and the archive of {computer.name} would go to cold storage: "
            "release the user first"
        )


def _note(device: Device, computer: Device, *, by: Actor, at: datetime) -> None:
    """Write what became of both devices; their activation has entries of its own."""
    before = _of(device) | {"blocked": device.blocked, "authorized": device.authorized}
    after = _of(computer) | {"blocked": False, "authorized": False, "computer_of": computer.guid}
    note([Fact("device", device.pk, computer.name, before, after)], action="device replaced", by=by, at=at)
    facts = [Fact("device", computer.pk, computer.name, after={"in_place_of": device.guid})]
    note(facts, action="device took the place of another", by=by, at=at)


def _of(device: Device) -> dict[str, Any]:
    return {"name": device.name, "os": device.os, "app_version": device.app_version}
