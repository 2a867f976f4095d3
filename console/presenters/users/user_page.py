"""Presents the page of a user: what stands above its tabs, and the contents of each tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, Sum
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.elements.tabs import Tab
from console.presenters.offered_acts import OfferedActs
from console.presenters.users.directory_ownership import is_owned
from console.presenters.users.history import StoryItem, UserHistory
from console.presenters.users.role_origins import RoleOrigin, role_origins
from console.presenters.users.state_reasons import StateReason, left_alone, state_reason
from console.presenters.users.user_acts import USER_ACTS
from directory.actions.users import namesake_usernames
from directory.models import KnownId, Match, RunChange
from orgs.models import Archive, Custodian, Device, Matter, User
from orgs.permissions import Permission
from orgs.text import misleading

# How many of the latest events the overview has.
_LATEST = 5
# How many open matters the tab of legal holds offers.
_MOST_MATTERS = 20

_TABS: tuple[tuple[str, str | Promise], ...] = (
    ("detail", _("Overview")),
    ("roles", _("Roles")),
    ("devices", _("Devices")),
    ("holds", _("Legal holds")),
    ("history", _("History")),
    ("audit", _("Audit")),
)
_NEEDED = {"devices": Permission.COMPUTER_READ, "audit": Permission.SYSTEM}


@dataclass(frozen=True, slots=True)
class UserHead:
    """What stands above the tabs: the acts, the tabs, and what needs attention.

    ``devices`` and ``bytes`` are None if the viewer may not see devices. ``matters`` are those that hold the user.
    """

    acts: OfferedActs
    tabs: list[Tab]
    devices: int | None
    bytes: int
    matters: list[Matter]
    misleading: str
    doubt: namesake_usernames.NamesakeDoubt
    left_alone: RunChange | None
    system: bool


@dataclass(frozen=True, slots=True)
class LegalHolds:
    """The holds of a user; ``releasable`` are the matters from which the viewer may release the user.

    ``further`` are the newest open matters that could hold the user, too.
    """

    holds: list[Custodian]
    releasable: frozenset[int]
    further: list[Matter]


@dataclass(frozen=True, slots=True)
class Overview:
    """The contents of the tab Overview."""

    devices: DevicesWithArchives | None
    reason: StateReason | None
    latest: list[StoryItem]
    match: Match | None
    further_ids: list[str]
    from_ldap: bool
    roles: list[RoleOrigin]


@dataclass(frozen=True, slots=True)
class DevicesWithArchives:
    """The devices of a user with their archives, and the sums of these."""

    devices: list[Device]
    archives: int
    bytes: int


def user_head(user: User, viewer: User, *, tab: str) -> UserHead:
    """Return what stands above the tabs; ``tab`` is the open one."""
    sees_devices = viewer.may(Permission.COMPUTER_READ)
    sums = User.objects.filter(pk=user.pk).aggregate(
        roles=Count("grants", distinct=True),
        devices=Count("devices", distinct=True),
        holds=Count(
            "custodianships",
            filter=Q(custodianships__released_at=None, custodianships__matter__closed_at=None),
            distinct=True,
        ),
    )
    stored = (
        Archive.objects.filter(device__user=user).aggregate(total=Sum("size_bytes"))["total"] if sees_devices else 0
    )
    matters = Matter.objects.filter(closed_at=None, custodians__user=user, custodians__released_at=None)
    return UserHead(
        acts=USER_ACTS.offered(user, viewer),
        tabs=[
            Tab(label, reverse(f"users:{name}", args=[user.pk]), current=name == tab, count=sums.get(name))
            for name, label in _TABS
            if name not in _NEEDED or viewer.may(_NEEDED[name])
        ],
        devices=sums["devices"] if sees_devices else None,
        bytes=stored or 0,
        matters=list(matters.order_by("name", "pk")),
        misleading=misleading(user.username),
        doubt=namesake_usernames.doubt(user),
        left_alone=left_alone(user),
        system=viewer.may(Permission.SYSTEM),
    )


def overview(user: User, viewer: User) -> Overview:
    """Return the contents of the tab Overview that the viewer may see."""
    return Overview(
        devices=device_table(user, viewer) if viewer.may(Permission.COMPUTER_READ) else None,
        reason=state_reason(user),
        latest=list(UserHistory(user, viewer).page(size=_LATEST)),
        match=Match.objects.select_related("server").filter(user=user).first(),
        further_ids=list(KnownId.objects.filter(user=user).values_list("unique_id", flat=True)),
        from_ldap=is_owned(user),
        roles=role_origins(user),
    )


def device_table(user: User, viewer: User) -> DevicesWithArchives:
    """Return the user's devices that the viewer may see."""
    found = Device.objects.visible_to(viewer).filter(user=user).prefetch_related("archives").order_by("-active", "name")
    devices = list(found)
    archives = [archive for device in devices for archive in device.archives.all()]
    return DevicesWithArchives(devices, len(archives), sum(archive.size_bytes for archive in archives))


def legal_holds(user: User, viewer: User) -> LegalHolds:
    """Return the legal holds that the user is or was on, open ones first, and what the viewer may do about them."""
    found: Any = user.custodianships.select_related("matter").order_by("-added_at", "-pk")
    holds = sorted(found, key=lambda hold: hold.released_at is not None or hold.matter.closed_at is not None)
    if not User.objects.managed_by(viewer).filter(pk=user.pk).exists():
        return LegalHolds(holds, frozenset(), [])
    present = {hold.matter_id for hold in holds if hold.released_at is None}
    managed = Matter.objects.managed_by(viewer).filter(closed_at=None)
    releasable = frozenset(managed.filter(pk__in=present).values_list("pk", flat=True))
    others = managed.exclude(pk__in=present).order_by("-opened_at", "-pk")
    return LegalHolds(holds, releasable if user.pk != viewer.pk else frozenset(), list(others[:_MOST_MATTERS]))
