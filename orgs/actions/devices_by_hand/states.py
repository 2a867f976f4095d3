"""Reactivates, blocks, unblocks, deauthorizes and authorizes devices, as a person does it.

An act that opens a way in to backups is refused to those who hold less than the device's user, as acts on users are.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from orgs.actions import devices, escalation_guard, locks
from orgs.actions.archives import Restored
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.models import Device, SetBy
from orgs.models.devices import DeviceQuerySet
from orgs.rules.actors import Actor


@transaction.atomic
def reactivate(*, device_ids: Collection[int], by: Actor, at: datetime) -> Restored:
    """Let these devices back up again, and take their unexpired archives out of cold storage.

    The setting that leaves devices deactivated when their user is reactivated does not count here: with it, this act is
    the way to bring a device back.

    Raises:
        Refused: when a device's user is deactivated, blocked, or holds more than ``by``.
    """
    locks.owners_of_devices(device_ids)
    changed = Device.objects.filter(pk__among=device_ids, active=False)
    refuse_users_cut_off(changed)
    _refuse_above(changed, doing="reactivate their devices", by=by)
    with locks.holding(_owners(changed)):
        return devices.reactivate(device_ids=device_ids, by=by, at=at)


@transaction.atomic
def block(*, device_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Stop backups and restores of these devices; archives stay as they are. Return how many changed."""
    locks.owners_of_devices(device_ids)
    changed = _names(Device.objects.filter(pk__among=device_ids, blocked=False))
    Device.objects.filter(pk__among=changed).update(blocked=True, blocked_by=by.set_by, blocked_at=at)
    _note(changed, "device blocked", "blocked", value=True, by=by, at=at)
    return len(changed)


@transaction.atomic
def unblock(*, device_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Let these devices back up and restore again. Return how many changed.

    Raises:
        Refused: when a device's user holds more than ``by``.
    """
    locks.owners_of_devices(device_ids)
    found = Device.objects.filter(pk__among=device_ids, blocked=True)
    _refuse_above(found, doing="unblock their devices", by=by)
    changed = _names(found)
    Device.objects.filter(pk__among=changed).update(blocked=False, blocked_by=SetBy.NOBODY, blocked_at=None)
    _note(changed, "device unblocked", "blocked", value=False, by=by, at=at)
    return len(changed)


@transaction.atomic
def deauthorize(*, device_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Require these devices to sign in again before they back up. Return how many changed."""
    locks.owners_of_devices(device_ids)
    changed = _names(Device.objects.filter(pk__among=device_ids, active=True, authorized=True))
    Device.objects.filter(pk__among=changed).update(authorized=False)
    _note(changed, "device deauthorized", "authorized", value=False, by=by, at=at)
    return len(changed)


@transaction.atomic
def authorize(*, device_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Let these devices back up without another sign-in. Return how many changed.

    Raises:
        Refused: when a device's user is deactivated, blocked, or holds more than ``by``.
    """
    locks.owners_of_devices(device_ids)
    found = Device.objects.filter(pk__among=device_ids, active=True, authorized=False)
    refuse_users_cut_off(found)
    _refuse_above(found, doing="authorize their devices", by=by)
    changed = _names(found)
    Device.objects.filter(pk__among=changed).update(authorized=True)
    _note(changed, "device authorized", "authorized", value=True, by=by, at=at)
    return len(changed)


def refuse_users_cut_off(found: DeviceQuerySet) -> None:
    """Refuse to give devices back to users who are deactivated or blocked; these users are locked.

    Raises:
        Refused: with the first such device, and what to do first.
    """
    for device in found.select_related("user").order_by("pk"):
        if not device.user.active:
            raise Refused(
                f"{device.name} belongs to {device.user.username}, who is deactivated: reactivate the user first"
            )
        if device.user.blocked:
            raise Refused(f"{device.name} belongs to {device.user.username}, who is blocked: unblock the user first")


def _refuse_above(found: DeviceQuerySet, *, doing: str, by: Actor) -> None:
    escalation_guard.refuse_above(user_ids=_owners(found), doing=doing, by=by)


def _owners(found: DeviceQuerySet) -> set[int]:
    return set(found.order_by().values_list("user_id", flat=True))


def _names(found: DeviceQuerySet) -> dict[int, str]:
    return dict(found.order_by("pk").values_list("pk", "name"))


def _note(changed: dict[int, str], action: str, field: str, *, value: bool, by: Actor, at: datetime) -> None:
    facts = [Fact("device", pk, name, {field: not value}, {field: value}) for pk, name in changed.items()]
    note(facts, action=action, by=by, at=at)
