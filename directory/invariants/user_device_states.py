"""I6, I7, I9: states of users, devices, archives and legal holds fit each other, and say who set them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from orgs.actions.archives import EXPIRED_FOR
from orgs.models import Archive, ArchiveState, Custodian, Device, Matter, Org, Role, RoleGrant, SetBy, User


def _user(user: User) -> str:
    return f"user {user.pk} ({user.username})"


def _device(device: Device) -> str:
    return f"device {device.pk} ({device.name}) of user {device.user_id}"


def _archive(archive: Archive) -> str:
    return f"archive {archive.pk} of device {archive.device_id}"


def set_by_someone(_at: datetime) -> Iterator[str]:
    """Deactivated, blocked and pending are stored with who set them and when, and only while they last."""
    for state, in_state in (
        ("deactivated", Q(active=False)),
        ("blocked", Q(blocked=True)),
        ("pending", Q(pending=True)),
    ):
        by, when = f"{state}_by", f"{state}_at"
        recorded = ~Q(**{by: SetBy.NOBODY}) & Q(**{f"{when}__isnull": False})
        unset = Q(**{by: SetBy.NOBODY, when: None})
        for user in User.objects.filter((in_state & ~recorded) | (~in_state & ~unset)).order_by("pk").iterator():
            yield f"{_user(user)}: {state} by '{getattr(user, by)}' at {getattr(user, when)} is not what the state says"
    recorded = ~Q(deactivated_by=SetBy.NOBODY) & Q(deactivated_at__isnull=False)
    unset = Q(deactivated_by=SetBy.NOBODY, deactivated_at=None, deactivated_with_user=False)
    wrong = Q(active=False) & ~recorded | Q(active=True) & ~unset
    for device in Device.objects.filter(wrong).order_by("pk").iterator():
        yield f"{_device(device)}: deactivated by '{device.deactivated_by}' at {device.deactivated_at} is not what the state says"


def pending(_at: datetime) -> Iterator[str]:
    """A deactivation is pending only for users who are active, blocked and on legal hold."""
    waiting = User.objects.filter(pending=True)
    for user in waiting.exclude(active=True, blocked=True).order_by("pk").iterator():
        yield f"{_user(user)} has a pending deactivation, but is not active and blocked"
    on_legal_hold = User.objects.on_legal_hold().values("pk")
    for user in waiting.exclude(pk__in=on_legal_hold).order_by("pk").iterator():
        yield f"{_user(user)} has a pending deactivation, but is on no legal hold that it could wait for"


def users_of_inactive_orgs(_at: datetime) -> Iterator[str]:
    """No user is active in an inactive org, which no sync covers."""
    for user in User.objects.filter(active=True, org__active=False).order_by("pk").iterator():
        yield f"{_user(user)} is active, but org {user.org_id} is not"


def devices_of_the_deactivated(_at: datetime) -> Iterator[str]:
    """A deactivated user has no active device and no live archive."""
    for device in Device.objects.filter(user__active=False, active=True).order_by("pk").iterator():
        yield f"{_device(device)} is active, but its user is deactivated"
    for archive in (
        Archive.objects.filter(device__user__active=False, state=ArchiveState.LIVE).order_by("pk").iterator()
    ):
        yield f"{_archive(archive)} is live, but its user is deactivated"


def archives_of_single_devices(_at: datetime) -> Iterator[str]:
    """A device that was deactivated by itself has no live archive."""
    alone = Archive.objects.filter(device__active=False, device__deactivated_with_user=False, state=ArchiveState.LIVE)
    for archive in alone.order_by("pk").iterator():
        yield f"{_archive(archive)} is live, but the device is deactivated"


def archives_came_back(at: datetime) -> Iterator[str]:
    """Active users have no unexpired archive in cold storage, except of devices that were deactivated by themselves."""
    back = Q(device__active=True) | Q(device__deactivated_with_user=True)
    cold = Archive.objects.filter(back, device__user__active=True, state=ArchiveState.COLD_STORAGE, expires_at__gt=at)
    for archive in cold.order_by("pk").iterator():
        yield f"{_archive(archive)} is in cold storage until {archive.expires_at}, but its user and device are back"


def archive_dates(_at: datetime) -> Iterator[str]:
    """Archives have the dates of their state, in order; an expired one is purged no sooner than 20 days later."""
    live = Q(state=ArchiveState.LIVE, cold_since=None, expires_at=None, purge_at=None)
    cold = Q(state=ArchiveState.COLD_STORAGE, cold_since__isnull=False, expires_at__gt=F("cold_since"), purge_at=None)
    expired = Q(state=ArchiveState.EXPIRED, cold_since__isnull=False, purge_at__gte=F("expires_at") + EXPIRED_FOR)
    for archive in Archive.objects.exclude(live | cold | expired).order_by("pk").iterator():
        dates = ", ".join(str(date) for date in (archive.cold_since, archive.expires_at, archive.purge_at))
        yield f"{_archive(archive)} is '{archive.state}' with the dates {dates}"


def on_hold_meanwhile(_at: datetime) -> Iterator[str]:
    """No archive expired while its user was on legal hold."""
    custodians = Custodian.objects.filter(user=OuterRef("device__user"))
    expired = Archive.objects.filter(Exists(custodians), state=ArchiveState.EXPIRED, purge_at__isnull=False)
    owned: Any = expired.annotate(owner=F("device__user")).order_by("pk")
    for archive in owned.iterator():
        if archive.purge_at is not None and _on_hold_at(archive.owner, archive.purge_at - EXPIRED_FOR):
            yield f"{_archive(archive)} expired while user {archive.owner} was on legal hold"


def deactivated_on_hold(_at: datetime) -> Iterator[str]:
    """No user was deactivated while on legal hold."""
    custodians = Custodian.objects.filter(user=OuterRef("pk"))
    for user in User.objects.filter(Exists(custodians), deactivated_at__isnull=False).order_by("pk").iterator():
        if user.deactivated_at is not None and _on_hold_at(user.pk, user.deactivated_at):
            yield f"{_user(user)} was deactivated at {user.deactivated_at} while on legal hold"


def _on_hold_at(user_id: int, when: datetime) -> bool:
    """Return whether a hold began before this moment and ended after it, neither of them exactly at it."""
    began = Custodian.objects.filter(user=user_id, added_at__lt=when)
    lasted = Q(released_at=None) | Q(released_at__gt=when)
    open_then = Q(matter__closed_at=None) | Q(matter__closed_at__gt=when)
    return began.filter(lasted, open_then).exists()


def matters(_at: datetime) -> Iterator[str]:
    """A closed matter holds nobody; nobody is released before being held; no matter is closed before it is opened."""
    for custodian in (
        Custodian.objects.filter(released_at=None, matter__closed_at__isnull=False).order_by("pk").iterator()
    ):
        yield f"custodian {custodian.pk} (user {custodian.user_id}) is held by matter {custodian.matter_id}, which is closed"
    for custodian in Custodian.objects.filter(released_at__lt=F("added_at")).order_by("pk").iterator():
        yield f"custodian {custodian.pk} (user {custodian.user_id}) was released before being held"
    for matter in Matter.objects.filter(closed_at__lt=F("opened_at")).order_by("pk").iterator():
        yield f"matter {matter.pk} ({matter.name}) was closed before it was opened"


def a_sysadmin_is_left(_at: datetime) -> Iterator[str]:
    """If anybody was granted a role that holds admin, an active user holds such a role."""
    roles = [role.pk for role in Role.objects.all() if role.holds_admin]
    if RoleGrant.objects.filter(role__in=roles).exists() and not User.objects.sysadmins().exists():
        yield "nobody who is active and not blocked holds a role with the admin permission"


def orgs_below(_at: datetime) -> Iterator[str]:
    """The org above an active org is active."""
    paths = dict(Org.objects.values_list("path", "active"))
    for pk, name, path, depth in Org.objects.active().values_list("pk", "name", "path", "depth").order_by("pk"):
        if depth > 1 and not paths.get(path[: -Org.steplen], True):
            yield f"org {pk} ({name}) is active below an org that is not"
