"""A small company: orgs that follow one or two directories, one that follows none, and who administers it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from django.db import transaction
from django.db.models.functions import Now

from directory.actions import run_start_and_cancel, servers, sync_settings
from directory.models import LdapServer, Run, StoredEntry, Trigger
from directory.servers.setting_questions import Confirmed
from directory.sync import lease, pipeline
from directory.sync.lease import Progress
from orgs.actions import orgs as org_actions
from orgs.actions import roles as role_actions
from orgs.actions.errors import Refused
from orgs.models import DirectoryService, Org
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM, Actor, person
from tests.histories.directories import (
    ACTIVE,
    ORG_NAME,
    ROLE_NAME,
    Fault,
    MemoryDirectories,
    MemoryServer,
    Person,
    unique_id,
)
from tests.worlds import NOON, Clock, device, ldap_server, org, user

# In a company of a handful, one who moves is a large share; the limits are held by tests of their own.
WIDE = {
    "limit_moves_percent": 100,
    "limit_role_changes_percent": 100,
    "limit_role_losses_percent": 100,
    "limit_org_deactivations_percent": 100,
}
GRANTABLE = ("SYSADMIN", "Org Admin", "PROe User", "Desktop User", "Auditor")
# Which orgs each server is for, as the world begins.
SERVED = {"Corp": ("Default", "Branch"), "Branch": ("Branch",)}
SERVERS = tuple(SERVED)
PEOPLE = {"sean": "Default", "mia": "Staff", "Ünal": "Branch", "lee": "Default", "straße": "Staff", "zoe": "Branch"}
SYNC_SETTINGS = ("reactivate_set_by_person", "reactivate_devices")
USUAL = {
    "enabled": True,
    "canary": "",
    "limit_admin_grants": 5,
    "absence_runs": 1,
    "absence_hours": 0,
    "requires_approval": False,
}
LAST_ATTEMPT = 20
# Where a worker can be killed: at the nth call of one of these.
CRASHES = (
    "directory.sync.apply.change_batches.batch",
    "directory.sync.read.read_stage.read_servers",
    "directory.sync.plan.plan_stage.make_plan",
    "directory.sync.plan.directory_view.remember_matches",
    "directory.sync.stored.plan_rows.settle_counts",
    "directory.sync.finish.run_log.write_log",
    "directory.sync.finish.run_mails.write_mails",
    "directory.sync.entries.entry_store.EntryStore.keep",
    "directory.sync.entries.entry_store.EntryStore.forget_unseen",
    "directory.sync.stored.plan_rows.planned",
    "directory.sync.stored.decision_cache.note",
    "directory.sync.lease.Lease.renew",
    "directory.sync.lease.Lease.finish",
    "orgs.actions.users.blocking.block",
    "orgs.actions.users.deactivation.deactivate",
    "orgs.actions.users.deactivation.reactivate",
    "orgs.actions.devices.deactivate",
)


class Killed(BaseException):
    """What ends a worker from outside."""


class World:
    """Rollcall and the directories that it reads, at one moment."""

    def __init__(self, directories: MemoryDirectories) -> None:
        self.now: datetime = NOON
        self.directories = directories
        self.servers: dict[str, MemoryServer] = {}
        self.root: Actor = person(user("root", org_name="ADMIN", roles=["SYSADMIN"]))
        self.second: Actor = person(user("vera", org_name="ADMIN", roles=["SYSADMIN"]))
        self.clerk: Actor = person(user("clerk", org_name="ADMIN", roles=["All Org Admin"]))
        for name in ("Staff", "Branch", "Local"):
            org(name)
        local = Org.objects.named("Local").get()
        org_actions.change(org=local, by=SYSTEM, at=NOON, directory_service=DirectoryService.LOCAL.value)
        role_actions.save(role=None, name="Auditor", permissions=[Permission.USER_READ], by=SYSTEM, at=NOON)
        for name in SERVERS:
            self.servers[name] = directories.add()
            self.add_server(name)
        sync_settings.save(values={"notify_administrators": True}, by=SYSTEM, at=NOON)
        for number, (name, place) in enumerate(PEOPLE.items()):
            device(user(name, org_name=place, last_name="Smith"))
            server = self.servers["Branch" if place == "Branch" else "Corp"]
            server.people[number] = Person(number, [name], unique_id(number), department=place)

    def add_server(self, name: str) -> None:
        """Have Rollcall read one of the directories, for the orgs that it is for, as the world begins."""
        ldap_server(
            self.servers[name].url,
            name=name,
            orgs=SERVED[name],
            active_script=ACTIVE,
            org_name_script=ORG_NAME,
            role_name_script=ROLE_NAME,
            limit_entries_percent=1,
            full_reading_every=3,
            grantable_roles=GRANTABLE,
            **WIDE,
            **self.directories.settings,
        )

    def serves(self, name: str, orgs: Sequence[str]) -> None:
        """Have a server be for these orgs from now on, and for no other."""
        chosen = list(Org.objects.filter(name__in=orgs))
        confirmed = Confirmed(drop_inherited=frozenset(each.pk for each in chosen), left_behind=True)
        servers.save(server=self.server(name), values={}, orgs=chosen, by=self.root, at=self.now, confirmed=confirmed)

    def clock(self) -> Clock:
        """Return a clock that starts now."""
        return Clock(self.now)

    def passes(self, time: timedelta) -> None:
        """Let time go by."""
        self.now += time

    def server(self, name: str) -> LdapServer:
        return LdapServer.objects.get(name=name)

    def save(self, name: str, **values: object) -> None:
        """Change a server's settings."""
        servers.save(
            server=self.server(name),
            values=values,
            by=self.root,
            at=self.now,
            confirmed=Confirmed(approval_may_end=True),
        )

    def change_settings(self, server: str, values: dict[str, Any]) -> None:
        """Change a server's settings, the sync's or an org's, whichever these are."""
        if "archive_retention_days" in values:
            org_of_staff = Org.objects.get(name_key__in=["staff", "team"])
            org_actions.change(org=org_of_staff, by=self.root, at=self.now, **values)
        elif values.keys() <= set(SYNC_SETTINGS):
            sync_settings.save(values=values, by=self.root, at=self.now)
        else:
            self.save(server, **values)

    def has_usual_settings(self) -> None:
        """Take back what keeps runs from being applied."""
        for name in SERVERS:
            self.save(name, **USUAL)

    def start(self, *, simulated: bool, only: str = "", incremental: bool = False) -> Run | None:
        """Start a run; nothing when it is refused."""
        chosen = [self.server(only)] if only else []
        with suppress(Refused):
            return run_start_and_cancel.start(
                servers=chosen,
                simulated=simulated,
                trigger=Trigger.HAND,
                by=self.root,
                at=self.now,
                wake=False,
                incremental=incremental,
            )
        return None

    def execute(self, run: Run, *, progress: Progress = lease.ignore_progress) -> Run:
        """Have a worker take the run to its end, or to where it is killed."""
        clock = self.clock()
        try:
            pipeline.execute(run.pk, clock=clock, progress=progress)
        finally:
            self.now = clock.time
        run.refresh_from_db()
        return run

    def synchronize(self, *, only: str = "") -> Run:
        """Simulate, as a configuration that is new needs it, and synchronize."""
        done = None
        for simulated in (True, False):
            done = self.start(simulated=simulated, only=only)
            assert done is not None
            self.execute(done)
        assert done is not None
        return done

    def finished(self, run: Run) -> Run:
        """Have one worker after the other take the run up until it has ended."""
        for _ in range(LAST_ATTEMPT):
            run.refresh_from_db()
            if not run.live:
                return run
            self.passes(timedelta(minutes=2))
            # Leases go by the database's clock.
            Run.objects.live().update(lease_until=Now() - timedelta(minutes=2))
            self.execute(run)
            run_start_and_cancel.close_dead(at=self.now)
        raise AssertionError(f"run {run.pk} is {run.state} and does not end")

    def knows_of_somebody_gone(self) -> bool:
        """Return whether an entry is stored that its directory has not got any more."""
        stored = StoredEntry.objects.values_list("server__name", "dn")
        there = {(name, entry.dn) for name, server in self.servers.items() for entry in server.entries()}
        return not there.issuperset(stored)

    def contradicts_itself(self) -> bool:
        """Return whether one immutable id stands under two names: which one counts, the first sync decides."""
        names: dict[str, list[str]] = {}
        everybody = (each for name in SERVERS for each in self.servers[name].people.values())
        return any(names.setdefault(each.unique_id, each.usernames) != each.usernames for each in everybody)

    @contextmanager
    def failing(self, name: str, fault: str) -> Iterator[None]:
        """Have a server do something wrong for a while."""
        self.servers[name].fault = fault
        yield
        self.servers[name].fault = Fault.NONE

    def fails(self) -> bool:
        """Return whether any server does something wrong."""
        return any(not server.complete for server in self.servers.values())


@contextmanager
def rolled_back() -> Iterator[None]:
    """Do something and take it all back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def killed_at(place: str, nth: int, *, afterwards: bool, at_once: bool = False) -> Iterator[None]:
    """Kill the worker at the nth time that it comes to a function, before the function is called or afterwards.

    A worker that is killed ``at_once`` can't give its run back: that waits until the lease has run out.
    """
    original = pkgutil.resolve_name(place)
    calls = 0

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and not afterwards:
            raise Killed
        result = original(*args, **kwargs)
        if calls == nth:
            raise Killed
        return result

    with ExitStack() as stack:
        stack.enter_context(mock.patch(place, stand_in))
        if at_once:
            stack.enter_context(mock.patch("directory.sync.lease.Lease.release"))
        yield
