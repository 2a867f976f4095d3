"""Deactivates and reactivates users, with their devices and archives."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from orgs.actions import archives, devices, escalation_guard, local_password_guard, locks
from orgs.actions.archives import Restored
from orgs.actions.errors import Refused
from orgs.actions.users import blocking, pending_deactivation
from orgs.actions.users.last_sysadmin import refuse_to_lose
from orgs.actions.users.user_rows import note_all, pick
from orgs.models import Device, SetBy, User
from orgs.rules.actors import Actor


@dataclass(frozen=True, slots=True)
class Deactivated:
    """The users who were deactivated, and those who were blocked instead because they are on legal hold."""

    users: frozenset[int]
    on_hold: frozenset[int]


@transaction.atomic
def deactivate(*, user_ids: Collection[int], by: Actor, at: datetime) -> Deactivated:
    """Deactivate users and their devices, and move archives to cold storage; block users on legal hold instead.

    Raises:
        Refused: when no active SYSADMIN would be left.
    """
    locks.users(user_ids)
    names = pick(user_ids, active=True)
    refuse_to_lose(losing=names)
    on_hold = frozenset(User.objects.filter(pk__among=names).on_legal_hold().values_list("pk", flat=True))
    with locks.holding(names):
        blocking.block(user_ids=on_hold, by=by, at=at)
        pending_deactivation.set_pending(user_ids=on_hold, by=by, at=at)
    leaving = {pk: name for pk, name in names.items() if pk not in on_hold}
    with local_password_guard.a_sysadmin_stays(by=by):
        User.objects.filter(pk__among=leaving).update(
            active=False,
            deactivated_by=by.set_by,
            deactivated_at=at,
            pending=False,
            pending_by=SetBy.NOBODY,
            pending_at=None,
            session_epoch=F("session_epoch") + 1,
        )
    device_ids = Device.objects.filter(user__among=leaving, active=True).order_by().values_list("pk", flat=True)
    with locks.holding(names):
        devices.deactivate(device_ids=list(device_ids), by=by, at=at, with_user=True)
    # A device may have been deactivated before, with a live archive.
    others = Device.objects.filter(user__among=leaving, active=False).order_by().values_list("pk", flat=True)
    archives.to_cold_storage(device_ids=list(others), at=at)
    note_all(leaving, "user deactivated", by=by, at=at, before={"active": True}, after={"active": False})
    return Deactivated(users=frozenset(leaving), on_hold=on_hold)


@transaction.atomic
def reactivate(
    *, user_ids: Collection[int], by: Actor, at: datetime, with_devices: bool = True
) -> tuple[frozenset[int], Restored]:
    """Reactivate users, the devices that were deactivated with them, and their unexpired archives.

    Returns the users who were deactivated, and the counts of restored and lost archives.

    Raises:
        Refused: when one of them holds more than ``by``, or is in an org that is not active.
    """
    locks.orgs_of_users(user_ids)
    changed = pick(user_ids, active=False)
    _refuse_in_orgs_out_of_use(changed)
    escalation_guard.refuse_above(user_ids=changed, doing="reactivate them", by=by)
    User.objects.filter(pk__among=changed).update(active=True, deactivated_by=SetBy.NOBODY, deactivated_at=None)
    device_ids = (
        Device.objects.filter(user__among=changed, deactivated_with_user=True).order_by().values_list("pk", flat=True)
    )
    restored = Restored(0, 0)
    if with_devices:
        with locks.holding(changed):
            restored = devices.reactivate(device_ids=list(device_ids), by=by, at=at)
    else:
        restored = archives.out_of_cold_storage(device_ids=list(device_ids), at=at)
    note_all(changed, "user reactivated", by=by, at=at, before={"active": False}, after={"active": True})
    return frozenset(changed), restored


def _refuse_in_orgs_out_of_use(user_ids: Collection[int]) -> None:
    """Refuse active users in an org that is not active: no sync decides about them."""
    stray = User.objects.filter(pk__among=user_ids, org__active=False).select_related("org").order_by("pk").first()
    if stray is not None:
        raise Refused(
            f"{stray.username} is in {stray.org.name}, which is not active: activate the org, or move the user"
        )
