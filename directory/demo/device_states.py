"""Gives a few devices and archives of the demo each state: blocked, signed out, replaced, in cold storage, due soon, expired."""

from __future__ import annotations

from datetime import datetime, timedelta

from orgs.actions import archives, devices
from orgs.actions.devices_by_hand import archive_expiry, replacement, states
from orgs.models import Archive, ArchiveState, Device, User
from orgs.rules.actors import SYSTEM

# How long ago devices were put out of use; students' archives are kept for 90 days, all others for a year.
_DAYS_AGO = (370, 362, 356, 348, 341, 60)


def show_each_state(at: datetime) -> None:
    """Put some devices of active users, who are on no legal hold, into each state, by the acts that people use."""
    free = User.objects.filter(active=True, blocked=False).exclude(pk__in=User.objects.on_legal_hold().values("pk"))
    chosen = list(Device.objects.filter(user__in=free.values("pk"), name__endswith="-laptop").order_by("guid")[:60:6])
    ids = [device.pk for device in chosen]
    for device_id, days in zip(ids, _DAYS_AGO, strict=False):
        devices.deactivate(device_ids=[device_id], by=SYSTEM, at=at - timedelta(days=days))
    # The day before yesterday the first one expired; it is purged in less than 20 days.
    archives.age(by=SYSTEM, at=at - timedelta(days=2))
    states.block(device_ids=ids[6:7], by=SYSTEM, at=at - timedelta(days=3))
    states.deauthorize(device_ids=ids[7:8], by=SYSTEM, at=at - timedelta(days=8))
    _keep_one_longer(at)
    _replace_one(free_of_any_state=ids, at=at)


def _keep_one_longer(at: datetime) -> None:
    cold = Archive.objects.filter(state=ArchiveState.COLD_STORAGE, device__user__active=True).order_by(
        "expires_at", "pk"
    )
    if (last := cold.last()) is not None and last.expires_at is not None:
        until = last.expires_at + timedelta(days=60)
        archive_expiry.extend(archive_ids=[last.pk], until=until, by=SYSTEM, at=at - timedelta(days=1))


def _replace_one(*, free_of_any_state: list[int], at: datetime) -> None:
    """Put the desktop computer of somebody with two devices in place of the laptop."""
    laptops = Device.objects.filter(name__endswith="-laptop", active=True).exclude(pk__in=free_of_any_state)
    for laptop in laptops.order_by("guid"):
        others = Device.objects.filter(user=laptop.user_id, active=True).exclude(pk=laptop.pk)
        on_hold = User.objects.on_legal_hold().filter(pk=laptop.user_id).exists()
        if (desktop := others.first()) is not None and laptop.user.is_active and not on_hold:
            replacement.replace(device_id=laptop.pk, computer_id=desktop.pk, by=SYSTEM, at=at - timedelta(days=5))
            return
