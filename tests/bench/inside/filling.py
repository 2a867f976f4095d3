"""Fills a console with so many users, devices and runs of history, as sets: for pages that are looked at, not changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TypeVar

from django.db import connection
from django.db.models import Model

from directory.models import BulkAct, BulkActUser, BulkKind, BulkState, LdapServer, Match, UserOutcome
from orgs.actions import legal_holds, orgs
from orgs.actions.matters import policies
from orgs.models import (
    Archive,
    ArchiveState,
    AuditEntry,
    CreatedBy,
    DeployedDevice,
    DeploymentPolicy,
    Device,
    Matter,
    Org,
    Role,
    RoleGrant,
    SetBy,
    User,
)
from orgs.rules.actors import SYSTEM
from orgs.text import fold
from tests.bench.inside import history

NOW = history.START
ROWS = 5000
# How many devices came by one policy.
DEPLOYED = 500
ORGS = 40
ROLES = ("PROe User", "Desktop User")
FIRST_NAMES = ("Ada", "Bo", "Chloé", "Dmitri", "Eve", "Farid", "Grete")
LAST_NAMES = ("Abel", "Bauer", "Castillo", "Doe", "Eriksen", "Fischer", "García", "Hoang", "Ito", "Jansen", "Kowalski")
SYSTEMS = ("Windows 11", "Windows 10", "macOS 15", "Debian 13")
# What was written about each user: made, moved, given roles, renamed.
ACTIONS = ("user created", "user moved", "roles set", "profile updated")
USERS_PER_MATTER, CUSTODIANS_PER_MATTER = 500, 50
DEVICES_OF_THE_LAST = 20
# One in so many: deactivated by a sync, by hand, blocked, pending, not in the directory; devices and archives alike.
ODD = 50
T = TypeVar("T", bound=Model)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is."""

    users: int
    devices: int
    runs: int


def fill(before: Size, after: Size) -> None:
    """Add what makes a console of one size one of another; the first time also what there is one of.

    Each part is a transaction of its own: PostgreSQL ends one that a busy machine lets wait.
    """
    if not before.users:
        _orgs_and_server()
    users = _users(before.users, after.users)
    _devices(before.devices, after.devices, users)
    history.add(before.runs, after.runs, users, write)
    _matters(before.users, after.users, users)
    _deployment(before.devices)
    _bulk_act(users)


def look_at_tables() -> None:
    """Have the database look at its tables, as PostgreSQL does by itself some time after they were filled."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _orgs_and_server() -> None:
    top = Org.objects.get(name="Default")
    server = LdapServer.objects.create(
        name="Headquarters", urls=["ldaps://ldap.invalid"], search_base="dc=example,dc=com", enabled=False
    )
    for number in range(ORGS):
        org = orgs.create(name=f"Org {number:02}", parent=top, by=SYSTEM, at=NOW)
        server.org_links.create(org=org)


def _users(first: int, last: int) -> list[User]:
    """Add users with two roles each and what a sync was told of them; return the new ones."""
    orgs_of = list(Org.objects.filter(name__startswith="Org ").values_list("pk", flat=True))
    roles = list(Role.objects.filter(name__in=ROLES).values_list("pk", flat=True))
    server = LdapServer.objects.get()
    users = _add(User, (_user(number, orgs_of[number % len(orgs_of)]) for number in range(first, last)))
    write(RoleGrant, (RoleGrant(user=user, role_id=role, granted_by="sync") for user in users for role in roles))
    known = (user for user in users if not user.managed_locally)
    write(Match, (Match(user=user, server=server, dn=f"uid={user.username}", matched_at=NOW) for user in known))
    write(AuditEntry, (_audit(user, action) for user in users for action in ACTIONS))
    return users


def _user(number: int, org: int) -> User:
    name = f"u{number:07}"
    first_name, last_name = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    user = User(
        username=name,
        username_key=fold(name),
        email=f"{first_name}.{last_name}.{number}@example.com".lower(),
        first_name=first_name,
        last_name=last_name,
        org_id=org,
        created_by=CreatedBy.CSV,
    )
    match number % ODD:
        case 0 | 1 | 2:
            user.active, user.deactivated_by, user.deactivated_at = False, SetBy.SYNC, NOW
            user.blocked, user.blocked_by, user.blocked_at = True, SetBy.SYNC, NOW
        case 3:
            user.active, user.deactivated_by, user.deactivated_at = False, SetBy.PERSON, NOW
        case 4:
            user.blocked, user.blocked_by, user.blocked_at = True, SetBy.PERSON, NOW
        case 5:
            user.pending, user.pending_by, user.pending_at = True, SetBy.SYNC, NOW
        case 6:
            user.managed_locally = True
        case _:
            pass
    return user


def _audit(user: User, action: str) -> AuditEntry:
    return AuditEntry(
        at=NOW - timedelta(seconds=user.pk % 10**6),
        actor_label="sync",
        action=action,
        object_type="user",
        object_id=user.pk,
        object_label=user.username,
        after={"org": user.org_id},
    )


def _devices(first: int, last: int, users: list[User]) -> None:
    """Give new users devices with an archive each, and the last one many."""
    ordinary = last - DEVICES_OF_THE_LAST
    owners = [users[-1 if number >= ordinary else number % len(users)] for number in range(first, last)]
    devices = _add(Device, (_device(number, user) for number, user in enumerate(owners, start=first)))
    write(Archive, (_archive(device) for device in devices))


def _device(number: int, user: User) -> Device:
    device = Device(
        guid=str(10**17 + number),
        user=user,
        name=f"laptop-{number}",
        os=SYSTEMS[number % len(SYSTEMS)],
        last_connected=NOW - timedelta(minutes=number) if number % ODD else None,
    )
    match number % ODD:
        case 0:
            device.active, device.deactivated_by, device.deactivated_with_user = False, SetBy.SYNC, True
        case 1:
            device.blocked, device.blocked_by, device.blocked_at = True, SetBy.PERSON, NOW
        case 2:
            device.authorized = False
        case _:
            pass
    return device


def _archive(device: Device) -> Archive:
    archive = Archive(device=device, size_bytes=10**9 + device.pk)
    if not device.active:
        archive.state, archive.cold_since, archive.expires_at = ArchiveState.COLD_STORAGE, NOW, NOW
    elif device.blocked:
        archive.state, archive.purge_at = ArchiveState.EXPIRED, NOW
    return archive


def _matters(first: int, last: int, users: list[User]) -> None:
    """Open a matter for every five hundred users, and close every other one."""
    policy = policies.add(name=f"Keep all of {first}", by=SYSTEM, at=NOW)
    for number in range(first // USERS_PER_MATTER, last // USERS_PER_MATTER):
        matter = legal_holds.open_matter(name=f"Matter {number}", policy=policy, by=SYSTEM, at=NOW)
        start = number * USERS_PER_MATTER - first
        held = [user.pk for user in users[start : start + CUSTODIANS_PER_MATTER]]
        legal_holds.add_custodians(matter=matter, user_ids=held, by=SYSTEM, at=NOW)
    Matter.objects.filter(pk__in=[matter.pk for matter in Matter.objects.all() if matter.pk % 2]).update(closed_at=NOW)


def _deployment(before: int) -> None:
    """Note that the newest devices came by one policy; ``before`` is how many there were, for its name."""
    policy = DeploymentPolicy.objects.create(
        name=f"Laptops {before}",
        org=Org.objects.get(name="Default"),
        sha256=f"{before:064x}",
        token_at=NOW,
        expires_at=NOW + timedelta(days=90),
        device_limit=DEPLOYED,
        created_at=NOW,
        author="ada",
    )
    came = Device.objects.filter(deployment=None).order_by("-pk")[:DEPLOYED]
    rows = [
        DeployedDevice(policy=policy, policy_name=policy.name, device=each, at=NOW, address="10.0.0.7") for each in came
    ]
    write(DeployedDevice, rows)


def _bulk_act(users: list[User]) -> None:
    """Note an act on all of these users: each user was blocked by it."""
    person = User.objects.order_by("pk")[0]
    act = BulkAct.objects.create(
        kind=BulkKind.BLOCK,
        state=BulkState.DONE,
        started_by=person,
        started_by_label=str(person),
        created_at=NOW,
        confirmed_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        total=len(users),
        typed_count=len(users),
        done=len(users),
    )
    rows = (BulkActUser(bulk_act=act, user=user, outcome=UserOutcome.DONE, done_at=NOW) for user in users)
    write(BulkActUser, rows)


def _add(model: type[T], rows: Iterable[T]) -> list[T]:
    """Write rows in large parts and return them with their ids."""
    return [row for part in _written(model, rows) for row in part]


def write(model: type[T], rows: Iterable[T]) -> None:
    """Write rows in large parts and forget them."""
    for _ in _written(model, rows):
        pass


def _written(model: type[T], rows: Iterable[T]) -> Iterator[list[T]]:
    source = iter(rows)
    while part := list(islice(source, ROWS)):
        yield model._default_manager.bulk_create(part)
