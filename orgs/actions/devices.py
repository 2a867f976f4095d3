"""Deactivates, reactivates and deauthorizes devices."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Case, F, Max, Value, When

from orgs.actions import archives, locks
from orgs.actions.archives import Restored
from orgs.actions.audit import Fact, note
from orgs.actions.backups import tokens
from orgs.actions.errors import Refused
from orgs.models import Archive, ArchiveState, AuditEntry, Device, SetBy
from orgs.rules.actors import Actor

# The actions in the audit trail after which another computer, or none, is behind a device.
COMPUTER_CHANGES = ("device replaced", "device lost its computer")


@transaction.atomic
def deactivate(*, device_ids: Collection[int], by: Actor, at: datetime, with_user: bool = False) -> int:
    """Stop backups and restores of these devices, and move their archives to cold storage. Return how many changed.

    ``with_user`` says that their users are deactivated in the same transaction: so they are on no legal hold.

    Raises:
        Refused: when a device's user is on legal hold, as archives would begin to expire.
    """
    locks.owners_of_devices(device_ids)
    if not with_user:
        _refuse_on_hold(device_ids)
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

    A computer that has backed up as another device leaves that one, which needs another sign-in.

    Raises:
        Refused: when a device's user is deactivated.
    """
    locks.owners_of_devices(device_ids)
    _leave_places(device_ids, by=by, at=at)
    devices = list(
        Device.objects.filter(pk__among=device_ids, active=False).values_list(
            "pk", "name", "user__username", "user__active", "authorized", "in_place_of"
        )
    )
    for _, name, username, user_active, *_computer in devices:
        if not user_active:
            raise Refused(f"{name} belongs to {username}, who is deactivated: reactivate the user first")
    ids = [pk for pk, *_ in devices]
    Device.objects.filter(pk__among=ids).update(
        active=True,
        deactivated_by=SetBy.NOBODY,
        deactivated_at=None,
        deactivated_with_user=False,
        # The computer has backed up as another device since: its user signs in on it again, as this one.
        authorized=Case(When(in_place_of__isnull=False, then=Value(value=False)), default=F("authorized")),
        in_place_of=None,
    )
    restored = archives.out_of_cold_storage(device_ids=ids, at=at)
    facts = [
        Fact("device", pk, name)
        if took_place_of is None
        else Fact("device", pk, name, {"authorized": authorized}, {"authorized": False})
        for pk, name, _username, _active, authorized, took_place_of in devices
    ]
    note(facts, action="device reactivated", by=by, at=at)
    return restored


@transaction.atomic
def deauthorize(*, user_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Require the devices of these users to sign in again before they back up; return how many changed."""
    locks.users(user_ids)
    devices = list(Device.objects.filter(user__among=user_ids, active=True, authorized=True).values_list("pk", "name"))
    Device.objects.filter(pk__among=[pk for pk, _ in devices]).update(authorized=False)
    facts = [Fact("device", pk, name, {"authorized": True}, {"authorized": False}) for pk, name in devices]
    note(facts, action="device deauthorized", by=by, at=at)
    return len(devices)


def computer_changes(device_ids: Collection[int]) -> dict[int, int]:
    """Return the newest audit entry about another computer behind each of these devices, by device id; most have none."""
    entries = AuditEntry.objects.filter(object_type="device", object_id__among=device_ids, action__in=COMPUTER_CHANGES)
    return dict(entries.order_by().values_list("object_id").annotate(Max("pk")))


def _leave_places(device_ids: Collection[int], *, by: Actor, at: datetime) -> None:
    """Take these computers out of the places of other devices: nothing may go on there with a sign-in of before."""
    computers = Device.objects.filter(pk__among=device_ids, active=False, in_place_of__isnull=False).order_by("pk")
    left = {each.pk: (each, computer) for computer in computers for each in computer.replaced_devices()}
    Device.objects.filter(pk__among=left).update(authorized=False, in_place_of=None)
    tokens.end(device_ids=left)
    facts = [
        Fact(
            "device",
            pk,
            device.name,
            {"authorized": device.authorized, "computer_of": computer.guid},
            {"authorized": False, "computer_of": None},
        )
        for pk, (device, computer) in left.items()
    ]
    note(facts, action="device lost its computer", by=by, at=at)


def held_archive(device_ids: Collection[int]) -> Archive | None:
    """Return a live archive of one of these devices whose user is on legal hold: it may not go to cold storage."""
    live = Archive.objects.filter(device__among=device_ids, device__active=True, state=ArchiveState.LIVE)
    found: Archive | None = live.on_legal_hold().select_related("device__user").order_by("pk").first()
    return found


def _refuse_on_hold(device_ids: Collection[int]) -> None:
    if (archive := held_archive(device_ids)) is not None:
        raise Refused(
            f"{archive.device.user.username} is on legal hold, so the archive of {archive.device.name} may not go to "
            "cold storage: block the device instead, or release the user first"
        )
