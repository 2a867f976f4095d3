"""Fills a console with so many users, devices and runs of history, as sets: for pages that are looked at, not changed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeVar

from django.db import connection
from django.db.models import Model

from directory.models import Alert, AlertKind, LdapServer, Match, Run, RunChange, RunServer, RunState, Trigger
from orgs.actions import legal_holds, orgs
from orgs.actors import SYSTEM
from orgs.models import Archive, AuditEntry, CreatedBy, Device, Org, Role, RoleGrant, User
from orgs.text import fold

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ROWS = 5000
ORGS = 40
ROLES = ("PROe User", "Desktop User")
CHANGES_PER_RUN = 100
CUSTODIANS_PER_MATTER = 50
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
    _history(before.runs, after.runs, users)
    _matters(before.users, after.users, users)


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
    _write(RoleGrant, (RoleGrant(user=user, role_id=role, granted_by="sync") for user in users for role in roles))
    _write(Match, (Match(user=user, server=server, dn=f"uid={user.username}", matched_at=NOW) for user in users))
    _write(AuditEntry, (_audit(user, action) for user in users for action in ("user.create", "user.move")))
    return users


def _user(number: int, org: int) -> User:
    name = f"u{number:07}"
    return User(
        username=name,
        username_key=fold(name),
        email=f"{name}@example.com",
        first_name=("Ada", "Bo", "Chloé", "Dmitri")[number % 4],
        last_name=("Abel", "Bauer", "Castillo", "Doe")[number % 4],
        org_id=org,
        created_by=CreatedBy.CSV,
    )


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
    """Give new users devices with an archive each."""
    numbers = range(first, last)
    devices = _add(
        Device,
        (
            Device(guid=str(10**17 + number), user=users[number % len(users)], name=f"laptop-{number}", os="Windows 11")
            for number in numbers
        ),
    )
    _write(Archive, (Archive(device=device, size_bytes=10**9 + device.pk) for device in devices))


def _history(first: int, last: int, users: list[User]) -> None:
    """Add runs: the newest one changes every new user, the others a hundred each."""
    server, chance = LdapServer.objects.get(), random.Random(first)
    runs = _add(Run, (_run(number) for number in range(first, last)))
    _write(RunServer, (_reading(run, server, len(users)) for run in runs))
    most = min(CHANGES_PER_RUN, len(users))
    several = ((run, chance.sample(users, most)) for run in runs[:-1])
    _write(RunChange, (_change(run, user) for run, chosen in several for user in chosen))
    _write(RunChange, (_change(runs[-1], user) for user in users))
    _write(Alert, (Alert(kind=AlertKind.CONNECTION, message=f"refused {run.pk}", created_at=NOW) for run in runs))


def _run(number: int) -> Run:
    at = NOW + timedelta(hours=number)
    return Run(
        simulated=number % 2 == 0,
        state=RunState.PLANNED if number % 2 == 0 else RunState.APPLIED,
        trigger=Trigger.SCHEDULE,
        started_by_label="schedule",
        created_at=at,
        started_at=at,
        planned_at=at + timedelta(seconds=3),
        finished_at=at + timedelta(seconds=4),
        counts={"users": 1000, "moved": CHANGES_PER_RUN},
    )


def _reading(run: Run, server: LdapServer, entries: int) -> RunServer:
    return RunServer(
        run=run, server=server, server_name=server.name, live=False, pages=1, entries=entries, complete=True
    )


def _change(run: Run, user: User) -> RunChange:
    before = {"username": user.username, "active": True, "blocked": False, "org_id": user.org_id, "roles": list(ROLES)}
    return RunChange(
        run=run,
        user=user,
        username=user.username,
        org_id=user.org_id,
        outcome="planned" if run.simulated else "applied",
        actions=["move"],
        before={**before, "org": "Default"},
        after={**before, "org": "Org 01"},
        steps=[f"found by uid as uid={user.username},ou=people", "the org name script returned Org 01"],
    )


def _matters(first: int, last: int, users: list[User]) -> None:
    """Open a matter for every thousand users."""
    for number in range(first // 1000, last // 1000):
        matter = legal_holds.open_matter(name=f"Matter {number}", policy="Keep all", by=SYSTEM, at=NOW)
        start = (number - first // 1000) * 1000
        held = [user.pk for user in users[start : start + CUSTODIANS_PER_MATTER]]
        legal_holds.add_custodians(matter=matter, user_ids=held, by=SYSTEM, at=NOW)


def _add(model: type[T], rows: Iterable[T]) -> list[T]:
    """Write rows in large parts and return them with their ids."""
    return [row for part in _written(model, rows) for row in part]


def _write(model: type[T], rows: Iterable[T]) -> None:
    """Write rows in large parts and forget them."""
    for _ in _written(model, rows):
        pass


def _written(model: type[T], rows: Iterable[T]) -> Iterator[list[T]]:
    source = iter(rows)
    while part := list(islice(source, ROWS)):
        yield model._default_manager.bulk_create(part)
