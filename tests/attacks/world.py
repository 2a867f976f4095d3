"""Two companies side by side in one Rollcall, with an object of every kind in each, and everybody who may knock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from directory.actions import due_runs
from directory.models import BulkKind, Mail, Match, RunState, ScriptVersion, StoredEntry, SyncSettings
from directory.sync.stored.plan_json import identity_to_json
from directory.values.ldap import Identity
from directory.values.plan import Action
from orgs.actions.users import blocking, deactivation
from orgs.models import Device, Org, User
from orgs.rules.actors import SYSTEM
from tests.bulk_acts import done, prepared
from tests.makers import (
    NOW,
    PASSWORD,
    make_alert,
    make_change,
    make_deployment_policy,
    make_device,
    make_finished_upload,
    make_hold_export,
    make_matter,
    make_org,
    make_policy,
    make_restore_job,
    make_role,
    make_run,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
    signed_in,
)

BACKEND = "console.security.access.LocalBackend"
ANONYMOUS = "nobody signed in"
PLAIN = "a plain user"
ORG_ADMIN = "the other company's org admin"
MANAGER = "a manager of all orgs"
SERVER_ADMIN = "a Server Administrator"
SYSADMIN = "a SYSADMIN"
BLOCKED = "a blocked SYSADMIN with an old session"
DEACTIVATED = "a deactivated SYSADMIN with an old session"
SIGNED_IN = (PLAIN, ORG_ADMIN, MANAGER, SERVER_ADMIN, SYSADMIN)
CALLERS = (ANONYMOUS, BLOCKED, DEACTIVATED, *SIGNED_IN)


@dataclass(frozen=True, slots=True)
class Company:
    """One company: an org with one below it, a worker with a device, an org admin."""

    org: Org
    lower: Org
    worker: User
    device: Device
    admin: User


@dataclass(frozen=True, slots=True)
class World:
    """Everything that attacks aim at; ``own`` is the attacking org admin's company, ``foreign`` the other one."""

    own: Company
    foreign: Company
    objects: dict[str, Model]
    callers: dict[str, Client]

    def client(self, caller: str) -> Client:
        """Return the browser of one of the callers."""
        return self.callers[caller]


def question_of(world: World, caller: str) -> str:
    """Have a caller choose a user to move; return the address of the question, which nobody else finds."""
    chooser = User.objects.get(pk=world.client(caller).session["_auth_user_id"])
    act = prepared(BulkKind.MOVE, [world.own.worker], by=chooser)
    return reverse("bulk_acts:ask", args=[act.pk])


def _company(name: str) -> Company:
    org = make_org(name)
    worker = make_user(f"worker.{name.lower()}", org=org, email=f"worker@{name.lower()}.example", first_name=name)
    return Company(
        org=org,
        lower=make_org(f"{name} lower", parent=org),
        worker=worker,
        device=make_device(worker, f"laptop-{name.lower()}"),
        admin=make_user(f"admin.{name.lower()}", org=org, roles=["Org Admin"], password=PASSWORD),
    )


def make_world() -> World:
    """Make both companies, what a server has left behind, and one caller of each kind."""
    SyncSettings.load()
    # The first look at the schedule notes from when on it counts.
    due_runs.next_runs(at=NOW)
    own, foreign = _company("Acme"), _company("Globex")
    return World(own=own, foreign=foreign, objects=_objects(foreign), callers=_callers(own))


def _objects(company: Company) -> dict[str, Model]:
    """Return an object of every kind, by the name that addresses and tables have for it; the org's are the company's."""
    server, worker = make_server(), company.worker
    server.org_links.create(org=company.org)
    Org.objects.filter(pk=company.org.pk).update(directory_service="ldap")
    run = make_run(server)
    matter = make_matter("Inquiry", worker, org=company.org)
    return {
        "user": worker,
        "org": company.org,
        "device": company.device,
        "archive": company.device.archives.get(),
        "role": make_role("Clerk", "admin.user.read"),
        "server": server,
        "run": run,
        "change": make_change(run, worker, Action.BLOCK, Action.DEACTIVATE, active=False, blocked=True),
        "held": make_run(server, state=RunState.HELD_BACK, simulated=False, held_back=["12 of 60 would go"]),
        "matter": matter,
        "export": make_hold_export(matter, company.device),
        "policy": make_policy("Mail only", company.org),
        "deployment": make_deployment_policy("Laptops", company.org, brought=company.device),
        "job": make_restore_job(company.device),
        "act": done(BulkKind.UNBLOCK, [worker], by=company.admin),
        "alert": make_alert(),
        "match": Match.objects.create(user=worker, server=server, dn="uid=worker", unique_id="4711", matched_at=NOW),
        "entry": StoredEntry.objects.create(
            server=server,
            user=worker,
            dn="uid=worker",
            run_id=run.pk,
            identity=identity_to_json(Identity("uid=worker", "4711", ("worker",))),
        ),
        "script": ScriptVersion.objects.create(
            server=server, script="active", source="x", author="ada", created_at=NOW
        ),
        "upload": make_finished_upload(company.org),
        "mail": Mail.objects.create(run=run, kind="summary", subject="Summary", body="Summary", created_at=NOW),
    }


def _callers(own: Company) -> dict[str, Client]:
    gone: Iterable[tuple[str, Any]] = ((BLOCKED, blocking.block), (DEACTIVATED, deactivation.deactivate))
    callers = {
        ANONYMOUS: Client(),
        PLAIN: signed_in(make_user("pat", org=own.org, roles=["PROe User"], password=PASSWORD)),
        ORG_ADMIN: signed_in(own.admin),
        MANAGER: signed_in(make_user("mona", org=own.org, roles=["All Org Manager"], password=PASSWORD)),
        SERVER_ADMIN: signed_in(make_server_administrator()),
        SYSADMIN: signed_in(make_sysadmin()),
    }
    for caller, action in gone:
        user = make_user(caller.split()[1], roles=["SYSADMIN"], password=PASSWORD)
        callers[caller] = signed_in(user)
        action(user_ids=[user.pk], by=SYSTEM, at=NOW)
    return callers
