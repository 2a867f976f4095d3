"""What the tests of pages need: people who sign in, runs with changes, alerts, holds; made through actions where there are any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from directory.models import Alert, AlertKind, FinishedUpload, LdapServer, Run, RunChange, RunServer, RunState, Trigger
from directory.provisioning import outcome_rows
from directory.provisioning.outcome_rows import OutcomeRow
from directory.provisioning.upload_rows import Fate
from directory.values.plan import Action, Outcome
from orgs.actions import legal_holds, orgs, roles
from orgs.actions.matters import policies
from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.backups.gate import digest
from orgs.models import (
    Archive,
    CreatedBy,
    DeployedDevice,
    DeploymentPolicy,
    Device,
    HoldExport,
    Matter,
    Org,
    PreservationPolicy,
    RestoreJob,
    Role,
    User,
)
from orgs.permissions import SERVER_ADMINISTRATOR, SYSADMIN
from orgs.rules.actors import SYSTEM

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PASSWORD = "correct horse battery"
BIND_PASSWORD = "bind-secret-4711"


def make_org(name: str, *, parent: Org | None = None, at: datetime = NOW) -> Org:
    """Make an org, below the top of the tree unless said otherwise."""
    return orgs.create(name=name, parent=parent or Org.objects.get(depth=1), by=SYSTEM, at=at)


def make_role(name: str, *permissions: str) -> Role:
    """Make a custom role."""
    return roles.save(role=None, name=name, permissions=permissions, by=SYSTEM, at=NOW)


def make_user(
    username: str,
    *,
    org: Org | None = None,
    roles: Iterable[str] = (),
    password: str = "",
    at: datetime = NOW,
    **names: str,
) -> User:
    """Make a user with these roles, by name; with a password they are managed locally, so that it always counts."""
    new = NewUser(
        profile=Profile(username, **names),
        org_id=(org or Org.objects.get(name="Default")).pk,
        roles=frozenset(Role.objects.filter(name__in=roles).values_list("pk", flat=True)),
        managed_locally=bool(password),
        password=password,
    )
    return user_creation.create(users=[new], created_by=CreatedBy.HAND, by=SYSTEM, at=at)[0]


def make_users(usernames: Iterable[str], *, roles: Iterable[str] = ()) -> list[User]:
    """Make many users of the org Default at once, with these roles by name, in this order."""
    org_id, granted = (
        Org.objects.get(name="Default").pk,
        Role.objects.filter(name__in=roles).values_list("pk", flat=True),
    )
    return make_at_once(NewUser(Profile(name), org_id, frozenset(granted)) for name in usernames)


def make_at_once(new: Iterable[NewUser]) -> list[User]:
    """Make users by one action, in this order."""
    return user_creation.create(users=list(new), created_by=CreatedBy.HAND, by=SYSTEM, at=NOW)


def make_sysadmin(username: str = "ada") -> User:
    """Make a user who may do everything."""
    return make_user(username, roles=[SYSADMIN], email=f"{username}@example.com", password=PASSWORD)


def make_server_administrator(username: str = "sam") -> User:
    """Make a user who looks after LDAP servers and may not apply held-back plans."""
    return make_user(username, roles=[SERVER_ADMINISTRATOR], password=PASSWORD)


def signed_in(user: User) -> Client:
    """Return a browser in which the user is signed in."""
    client = Client()
    client.force_login(user, backend="console.security.access.LocalBackend")
    return client


def make_device(user: User, name: str = "laptop", *, size_bytes: int = 5_000_000_000) -> Device:
    """Make a device with a live archive."""
    device = Device.objects.create(user=user, name=name, os="Windows 11")
    Archive.objects.create(device=device, size_bytes=size_bytes)
    return device


def make_matter(name: str = "Inquiry", *custodians: User, org: Org | None = None) -> Matter:
    """Open a matter that holds these users; it belongs to the org, or to all orgs."""
    matter = legal_holds.open_matter(name=name, policy=make_policy(), org=org, by=SYSTEM, at=NOW)
    legal_holds.add_custodians(matter=matter, user_ids=[user.pk for user in custodians], by=SYSTEM, at=NOW)
    return matter


def make_deployment_policy(
    name: str, org: Org, *, brought: Device | None = None, token: str = "", at: datetime = NOW
) -> DeploymentPolicy:
    """Make a deployment policy as a row, as its action wants an org with a directory; ``brought`` is a device that came by it."""
    policy = DeploymentPolicy.objects.create(
        name=name,
        org=org,
        sha256=digest(token or name),
        token_at=at,
        expires_at=at + timedelta(days=30_000),
        device_limit=100,
        created_at=at,
        author="ada",
    )
    if brought is not None:
        DeployedDevice.objects.create(policy=policy, policy_name=name, device=brought, at=at, address="10.0.0.7")
        policy.refusals.create(
            at=at, address="10.0.0.8", username="nobody", device_name="pc", code="not-found", sentence="No such person."
        )
    return policy


def make_hold_export(matter: Matter, device: Device) -> HoldExport:
    """Return an export of a device that waits for its worker."""
    return HoldExport.objects.create(
        matter=matter,
        user=device.user,
        device=device,
        device_name=device.name,
        guid=device.guid,
        requested_by="ada",
        requested_at=NOW,
    )


def make_policy(name: str = "Keep all", org: Org | None = None) -> PreservationPolicy:
    """Return the preservation policy of this name, a new one if there is none."""
    found = PreservationPolicy.objects.filter(name=name, org=org).first()
    return found or policies.add(name=name, kept="Everything.", org=org, by=SYSTEM, at=NOW)


def make_finished_upload(org: Org, *, by: User | None = None, username: str = "worker.uploaded") -> FinishedUpload:
    """Store what an upload into this org did: one user, who has been removed from the world, and one row refused."""
    row = OutcomeRow(2, username, f"{username}@example.com", "Uploaded", "Worker", org.name, org.pk, Fate.CREATED)
    rows = [row, replace(row, line=3, username=f"{username}.refused", fate=Fate.REFUSED, reasons=("no such org",))]
    return FinishedUpload.objects.create(
        user=by,
        by_label=str(by) if by is not None else "ada",
        org=org,
        file_name="people.csv",
        done_at=NOW,
        created=1,
        total=len(rows),
        rows=outcome_rows.packed(rows),
    )


def make_restore_job(device: Device) -> RestoreJob:
    """Make a restore that waits for the computer of a device; it was requested now."""
    return RestoreJob.objects.create(
        device=device, snapshot="ab" * 32, paths=["/home"], requested_by="ada", requested_at=timezone.now()
    )


def make_server(name: str = "Headquarters", **values: Any) -> LdapServer:
    """Store an LDAP server that nobody answers for."""
    given: dict[str, Any] = {
        "urls": ["ldaps://ldap.invalid"],
        "search_base": "dc=example,dc=com",
        "bind_dn": "cn=reader,dc=example,dc=com",
        "bind_password": BIND_PASSWORD,
    }
    return LdapServer.objects.create(name=name, **given | values)


def make_run(*servers: LdapServer, state: str = RunState.PLANNED, simulated: bool = True, **values: Any) -> Run:
    """Store a run as the pipeline leaves it."""
    given: dict[str, Any] = {
        "trigger": Trigger.HAND,
        "started_by_label": "ada",
        "created_at": NOW,
        "started_at": NOW,
        "counts": {"users": 200, "deactivated": 2, "blocked": 0, "activated": 0, "moved": 1, "rolesChanged": 1},
    }
    if state in {RunState.PLANNED, RunState.HELD_BACK, RunState.APPLIED}:
        given |= {"planned_at": NOW, "finished_at": NOW + timedelta(seconds=4)}
    run = Run.objects.create(simulated=simulated, state=state, **given | values)
    for server in servers:
        RunServer.objects.create(
            run=run,
            server=server,
            server_name=server.name,
            configuration_digest=server.configuration_digest,
            grants_digest=server.grants_digest,
            live=run.live,
            url=server.urls[0],
            pages=1,
            entries=200,
            matched=180,
            complete=not run.live,
        )
    return run


def make_change(run: Run, user: User, *actions: Action, outcome: str = Outcome.PLANNED, **after: Any) -> RunChange:
    """Store what a run wants for a user."""
    before = {
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "active": user.active,
        "blocked": user.blocked,
        "pending": user.pending,
        "org": user.org.name,
        "org_id": user.org_id,
        "roles": sorted(role.name for role in user.roles.all()),
    }
    return RunChange.objects.create(
        run=run,
        user=user,
        username=user.username,
        org=user.org,
        outcome=outcome,
        actions=list(actions),
        before=before,
        after=before | after,
        steps=[f"found by uid as uid={user.username},ou=people", "the active script returned false"],
    )


def make_alert(message: str = "Problem with connection to LDAP server: connection refused") -> Alert:
    """Raise an alert."""
    return Alert.objects.create(kind=AlertKind.CONNECTION, message=message, created_at=NOW)
