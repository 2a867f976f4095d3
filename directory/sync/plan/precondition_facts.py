"""Reads and locks the orgs, roles and servers that a batch of stored changes relies on, until the batch is committed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from directory import digests
from directory.models import LdapServer, OrgServer, RunChange
from directory.org_scope import servers_by_org
from directory.sync.plan import absence_grace, directory_view
from directory.sync.plan.plan_context import org_facts
from directory.sync.plan.rules import preconditions
from directory.sync.plan.rules.preconditions import Now, Relied
from directory.sync.run_context import RunContext
from directory.values.plan import Cause, PlanContext
from orgs.actions import locks
from orgs.models import Org, Role
from orgs.rules.inheritance import effective_settings


def to_note(context: PlanContext, org_servers: Mapping[int, Sequence[int]]) -> dict[str, object]:
    """Return what a plan is decided against, as JSON for its run's row; ``org_servers`` are the servers by org in scope."""
    return preconditions.to_json(context, org_servers, _roles())


def relied_on(context: RunContext) -> Relied:
    """Return what the plan of a run was decided against."""
    servers = {
        row.server_id: _mark(row.configuration_digest, row.grants_digest)
        for row in context.readings
        if row.complete and row.server_id is not None
    }
    return preconditions.from_json(context.run.surroundings, servers=servers, undo=context.run.undo_of_id is not None)


def now(context: RunContext, changes: Collection[RunChange]) -> Now:
    """Return the present orgs, roles, servers and entries for these changes, and lock them in the caller's transaction.

    The order of the locks is that of the pages that save settings: roles, servers, orgs. The caller locks users last.
    """
    locks.roles()
    read = sorted({row.server_id for row in context.readings if row.server_id is not None})
    servers = {row.pk: row for row in _locked_servers(read)}
    _lock_orgs(changes)
    effective = effective_settings()
    org_servers = servers_by_org(effective)
    orgs = org_facts(effective, org_servers)
    if context.run.undo_of_id is not None:
        return Now(orgs, _roles())
    marks = {pk: _mark(row.configuration_digest, row.grants_digest) for pk, row in servers.items() if row.enabled}
    names = {pk: row.name for pk, row in servers.items()}
    servers_by_user = {
        row.user_id: servers_of_org
        for row in changes
        if row.user_id and (servers_of_org := org_servers.get(row.org_id or 0))
    }
    since = context.run.plan_from_id or context.run.pk
    return Now(
        orgs=orgs,
        roles=_roles(),
        servers=marks,
        names=names,
        entries=directory_view.stored_since(since, servers_by_user, names),
        waits=_waits(context, changes, servers_by_user, servers),
    )


def _locked_servers(ids: Sequence[int]) -> list[LdapServer]:
    return list(LdapServer.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))


def _lock_orgs(changes: Collection[RunChange]) -> None:
    """Lock the orgs of these changes, the orgs above them, and their lists of servers, until the transaction ends."""
    ids = {row.org_id for row in changes} | {row.after.get("org_id") for row in changes}
    steplen = Org.steplen
    paths = Org.objects.filter(pk__in=[pk for pk in ids if pk]).values_list("path", flat=True)
    lineage = {path[:end] for path in paths for end in range(steplen, len(path) + 1, steplen)}
    orgs = Org.objects.select_for_update(no_key=True).filter(path__in=lineage).order_by("pk")
    org_ids = [org.pk for org in orgs.only("pk")]
    list(OrgServer.objects.select_for_update(no_key=True).filter(org__in=org_ids).order_by("pk").values_list("pk"))


def _waits(
    context: RunContext,
    changes: Collection[RunChange],
    servers_by_user: Mapping[int, Sequence[int]],
    servers: Mapping[int, LdapServer],
) -> dict[int, str]:
    away = {row.user_id for row in changes if row.cause == Cause.ABSENT}
    absent = {pk: each for pk, each in servers_by_user.items() if pk in away}
    return absence_grace.waiting(absent, servers, at=context.lease.clock()) if absent else {}


def _roles() -> dict[str, str]:
    """Return every role's name with a mark that changes with the role and its permissions."""
    rows = Role.objects.order_by("pk").values_list("name", "pk", "permissions")
    return {name: _mark(pk, sorted(permissions)) for name, pk, permissions in rows}


def _mark(*parts: object) -> str:
    return digests.of_json(parts)[:16]
