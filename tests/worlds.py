"""What runs need: orgs, users and devices of ``tests.makers`` at one noon, LDAP servers, and the runs themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from directory.actions import run_start_and_cancel, servers
from directory.models import LdapServer, Run, RunChange, Trigger
from directory.servers.setting_questions import Confirmed
from directory.sync import pipeline
from directory.values.server_limits import LIMITS
from orgs.models import Device, Org, Role, User
from orgs.rules.actors import SYSTEM
from tests.makers import make_device, make_org, make_user

# Numbers with which no limit holds a run back.
NO_LIMITS = {limit.setting: limit.off for limit in LIMITS}
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Clock:
    """A clock that each look moves on by a second."""

    def __init__(self, start: datetime = NOON) -> None:
        self.time = start

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def org(name: str, parent: str = "Default") -> Org:
    """Return the org of that name, made below another where it is missing."""
    found = Org.objects.named(name).first()
    return found or make_org(name, parent=Org.objects.named(parent).get(), at=NOON)


def user(username: str, *, org_name: str = "Default", roles: Iterable[str] = (), **names: str) -> User:
    """Make a user."""
    return make_user(username, org=org(org_name), roles=roles, at=NOON, **names)


def device(owner: User, name: str = "laptop", *, size: int = 10**9) -> Device:
    """Make a device with an archive."""
    return make_device(owner, name, size_bytes=size)


def ldap_server(url: str, **values: Any) -> LdapServer:
    """Save an LDAP server ``name`` (Corp) that ``orgs`` (Default) follow; other values are the server's settings."""
    orgs, name = values.pop("orgs", ("Default",)), values.pop("name", "Corp")
    given = {"name": name, "urls": [url], "search_base": "dc=example,dc=com", **values}
    grantable = given.pop("grantable_roles", None)
    return servers.save(
        server=LdapServer.objects.filter(name=name).first(),
        values=given,
        by=SYSTEM,
        at=NOON,
        orgs=[org(each) for each in orgs],
        grantable_roles=None if grantable is None else list(Role.objects.filter(name__in=grantable)),
        confirmed=Confirmed(approval_may_end=True),
    )


def sync(*chosen: LdapServer, simulated: bool = False, at: datetime = NOON, incremental: bool = False) -> Run:
    """Carry a run out and return it."""
    run = run_start_and_cancel.start(
        servers=chosen,
        simulated=simulated,
        trigger=Trigger.COMMAND,
        by=SYSTEM,
        at=at,
        wake=False,
        incremental=incremental,
    )
    pipeline.execute(run.pk, clock=Clock(at))
    run.refresh_from_db()
    return run


def simulate(*chosen: LdapServer) -> Run:
    """Carry a simulation out and return it."""
    return sync(*chosen, simulated=True)


def simulate_and_sync(*chosen: LdapServer) -> Run:
    """Simulate, as a new configuration needs, then synchronize."""
    simulate(*chosen)
    return sync(*chosen)


def change_of(run: Run, username: str) -> RunChange:
    """Return what a run has to say about one user."""
    return run.changes.get(username=username)


def again(found: User) -> User:
    """Return a user as they are stored now."""
    stored: User = User.objects.select_related("org").get(pk=found.pk)
    return stored
