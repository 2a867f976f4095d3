"""Deactivates, reactivates and deauthorizes devices."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from orgs.actions import archives, locks
from orgs.actions.archives import Restored
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.models import Device, SetBy
from orgs.rules.actors import Actor


@transaction.atomic
def deactivate(*, device_ids: Collection[int], by: Actor, at: datetime, with_user: bool = False) -> int:
    """Stop backups and restores of these devices, and move their archives to cold storage. Return how many changed."""
    locks.owners_of_devices(device_ids)
    devices = list(Device.objects.filter(pk__among=device_ids, active=True).values_list("pk", "name"))
    ids = [pk for pk, _ in devices]
    Device.objects.filter(pk__among=ids).update(
        active=False, deactivated_by=by.set_by, deactivated_at=at, deactivated_with_user=with_user
    )
    archives.to_cold_storage(device_ids=ids, at=at)
    note([Fact("device", pk, name) for pk, name in devices], action="device deactivated", by=by, at=at)
    return len(devices)


@transaction.atomic
def reactivate(*, device_ids: Collection[int], by: Actor, at: datetime) -> Restored:
    """Let these devices back up again, and take their unexpired archives out of cold storage.

    Raises:
        Refused: when a device's user is deactivated.
    """
    locks.owners_of_devices(device_ids)
    devices = list(
        Device.objects.filter(pk__among=device_ids, active=False).values_list(
            "pk", "name", "user__username", "user__active"
        )
    )
    for _, name, username, user_active in devices:
        if not user_active:
            raise Refused(f"{name} belongs to {username}, who is deactivated: reactivate the user first")
    ids = [pk for pk, *_ in devices]
    Device.objects.filter(pk__among=ids).update(
        active=True, deactivated_by=SetBy.NOBODY, deactivated_at=None, deactivated_with_user=False
    )
    restored = archives.out_of_cold_storage(device_ids=ids, at=at)
    note([Fact("device", pk, name) for pk, name, *_ in devices], action="device reactivated", by=by, at=at)
    return restored


@transaction.atomic
def deauthorize(*, user_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Require the devices of these users to sign in again before they back up; return how many changed."""
    locks.users(user_ids)
    devices = list(Device.objects.filter(user__among=user_ids, active=True, authorized=True).values_list("pk", "name"))
    Device.objects.filter(pk__among=[pk for pk, _ in devices]).update(authorized=False)
    note([Fact("device", pk, name) for pk, name in devices], action="device deauthorized", by=by, at=at)
    return len(devices)
