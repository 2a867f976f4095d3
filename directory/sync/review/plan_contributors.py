"""Finds the people who had a part in a plan: since the last applied plan they changed what it depends on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.db.models.functions import Coalesce

from directory.models import LdapServer, Run, RunServer
from directory.org_scope import server_lists
from directory.values import server_fields
from directory.values.plan import Outcome
from orgs.models import AuditEntry, Role
from orgs.rules.inheritance import effective_settings

# The fields that no plan depends on, by kind of object.
_HARMLESS = {
    "LDAP server": server_fields.harmless(),
    "org": {"notes"},
    "role": {"needs_second_factor"},
    "settings": {"interval_hours", "notification_addresses", "notify_administrators"},
}
_HARMLESS_ACTIONS = {
    "registration key renewed",
    "password set",
    "password link mailed",
    "put on legal hold",
    "released from legal hold",
    "password link requested",
    "signed in",
    "signed out",
    "second factor refused",
    "session ended",
    "sessions ended",
    "second factor set up",
    "second factor removed",
    "second factor reset",
    "recovery codes renewed",
}
_WORDS = {
    "LDAP server": "have changed {} since its last sync",
    "org": "have changed the org {}",
    "role": "have changed the role {}",
    "settings": "have changed the {}",
    "user": "have changed the user {}",
}


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a plan depends on: the ids of servers, of orgs with the orgs above them, and of roles."""

    servers: set[int]
    orgs: set[int]
    roles: set[int]


def editors(run: Run) -> dict[int, str]:
    """Return each user's part in the run's plan, by user id, as the end of a sentence that begins with "you"."""
    readings = list(run.readings.filter(server__isnull=False).values_list("server", flat=True))
    requiring = set(LdapServer.objects.requiring_approval().filter(pk__in=readings).values_list("pk", flat=True))
    scope = _scope(run, readings)
    starts = {pk: _last_plan(pk) for pk in scope.servers}
    first = [starts[pk] for pk in requiring or readings]
    times = [at for at in first if at is not None]
    earliest = min(times) if times and len(times) == len(first) else None
    acts = Q(pk__in=[])
    for pk, since in starts.items():
        acts |= _since(since) & Q(object_type="LDAP server", object_id=pk)
    for kind, ids in (("org", scope.orgs), ("role", scope.roles), ("settings", {1})):
        acts |= _since(earliest) & Q(object_type=kind, object_id__in=ids)
    planned = run.stored_changes.filter(outcome=Outcome.PLANNED).values("user")
    acts |= _since(earliest) & Q(object_type="user", object_id__in=planned)
    trail = AuditEntry.objects.filter(acts, actor__isnull=False, run_id=None).exclude(action__in=_HARMLESS_ACTIONS)
    columns = ("actor", "object_type", "object_label", "after")
    found: dict[int, str] = {}
    for actor, kind, label, after in trail.order_by("-pk").values_list(*columns).iterator():
        if actor not in found and _decides(kind, after):
            found[actor] = _WORDS[kind].format(label)
    return found


def needed_entries() -> Q:
    """Return the condition for the audit entries that ``editors`` may still need.

    For each server these are the entries after its last plan. For orgs, roles, settings and users they are the entries
    after the earliest of these plans. A disabled server makes no plan, so it keeps no entries about orgs and users.
    """
    starts = {server: _last_plan(server.pk) for server in LdapServer.objects.only("pk", "enabled")}
    needed = Q(pk__in=[])
    for server, since in starts.items():
        needed |= _since(since) & Q(object_type="LDAP server", object_id=server.pk)
    if first := [since for server, since in starts.items() if server.enabled]:
        times = [at for at in first if at is not None]
        earliest = min(times) if len(times) == len(first) else None
        needed |= _since(earliest) & Q(object_type__in=["org", "role", "settings", "user"])
    return needed & Q(actor__isnull=False, run_id=None) & ~Q(action__in=_HARMLESS_ACTIONS)


def _scope(run: Run, readings: Collection[int]) -> _Scope:
    effective = effective_settings()
    lists = server_lists(effective)
    orgs = {pk for pk, servers in lists.items() if set(servers) & set(readings)}
    # Add the orgs that used the servers when the plan was made: their lists of servers may have changed since.
    orgs |= {part["id"] for part in run.org_counts} & effective.keys()
    # Add the orgs to which the plan moves users; these may have no servers.
    planned = run.stored_changes.filter(outcome=Outcome.PLANNED)
    orgs |= set(planned.order_by().values_list("after__org_id", flat=True).distinct()) & effective.keys()
    servers = {*readings, *(server for pk in orgs for server in lists[pk])}
    granted = Role.objects.filter(
        pk__in=LdapServer.grantable_roles.through.objects.filter(ldapserver__in=servers).values("role")
    )
    usual = Role.objects.filter(name__in={name for pk in orgs for name in effective[pk].default_roles})
    roles = {*granted.values_list("pk", flat=True), *usual.values_list("pk", flat=True)}
    return _Scope(servers, {above for pk in orgs for above in effective[pk].lineage}, roles)


def _last_plan(server_id: int) -> datetime | None:
    """Return when the settings were read for the last applied plan of a server that changed at least one user.

    A plan without changes does not count, because nobody has looked at it.
    """
    applied = RunServer.objects.of_plans_that_changed_somebody().filter(server=server_id).order_by("-pk")
    # The settings were read when the run that made the plan began: the application of a simulation does not read any.
    return applied.values_list(Coalesce("run__plan_from__started_at", "run__started_at"), flat=True).first()


def _since(at: datetime | None) -> Q:
    return Q() if at is None else Q(at__gt=at)


def _decides(kind: str, after: Any) -> bool:
    """Return whether an action can have changed a plan; one whose audit row names no fields can."""
    return not after or bool(set(after) - _HARMLESS.get(kind, set()))
