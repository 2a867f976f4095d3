"""Compares orgs, servers, roles and entries of a stored change with the present ones before it is applied. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from directory.sync.plan.rules import profile_org_roles
from directory.values.ldap import Identity
from directory.values.plan import Action, Cause, Change, OrgFacts, PlanContext
from directory.values.scripts import Verdict
from orgs.text import fold

_CUTS_OFF = {Action.BLOCK, Action.DEACTIVATE, Action.SET_PENDING}
_FOR_THE_ACTIVE = {Action.REACTIVATE, Action.UNBLOCK, Action.CLEAR_PENDING, Action.MOVE, Action.SET_ROLES}


@dataclass(frozen=True, slots=True)
class Relied:
    """The orgs, roles and servers that a plan was decided against.

    ``orgs`` maps the ids of active orgs to the ids of their servers, in order. ``roles`` maps names to marks that
    change with the role. ``paths`` maps the ids of active orgs to their paths in the tree. Each is None in a plan that was
    stored without it. ``servers`` maps the ids of the servers that were read to their end to the marks of their settings.
    An undo relies on no server.
    """

    orgs: Mapping[int, tuple[int, ...]] | None = None
    roles: Mapping[str, str] | None = None
    paths: Mapping[int, str] | None = None
    servers: Mapping[int, str] = field(default_factory=dict)
    undo: bool = False


@dataclass(frozen=True, slots=True)
class EntryNow:
    """An entry of a user that was stored after the plan was made, on a server that their org uses."""

    server_id: int
    server: str
    identity: Identity
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Now:
    """The present state: active orgs by id, roles with their marks, servers with the marks of their settings.

    A server that is not enabled has no mark; ``names`` maps the ids of all servers to names. ``entries`` maps user ids
    to the entries that were stored after the plan was made. ``waits`` maps user ids to the reason why their absence
    grace is not over.
    """

    orgs: Mapping[int, OrgFacts]
    roles: Mapping[str, str]
    servers: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    entries: Mapping[int, Sequence[EntryNow]] = field(default_factory=dict)
    waits: Mapping[int, str] = field(default_factory=dict)

    def servers_of(self, org_id: int) -> tuple[int, ...]:
        """Return the ids of the servers that a sync searches for an org; none if it does not follow LDAP."""
        org = self.orgs.get(org_id)
        return org.servers if org is not None and org.synchronized else ()


def to_json(context: PlanContext, org_servers: Mapping[int, Sequence[int]], roles: Mapping[str, str]) -> dict[str, Any]:
    """Return what a plan is decided against, as JSON for its run; ``org_servers`` are the servers by org in scope."""
    servers = {org.id: org.servers if org.synchronized else () for org in context.by_id.values()} | dict(org_servers)
    paths = {str(org.id): org.path for org in context.by_id.values()}
    return {"orgs": {str(pk): list(each) for pk, each in servers.items()}, "roles": dict(roles), "paths": paths}


def from_json(stored: Mapping[str, Any], *, servers: Mapping[int, str], undo: bool) -> Relied:
    """Return what a plan was decided against, from the JSON of its run."""
    if not stored:
        return Relied(servers=servers, undo=undo)
    orgs = {int(pk): tuple(each) for pk, each in stored["orgs"].items()}
    paths = {int(pk): path for pk, path in stored["paths"].items()} if "paths" in stored else None
    return Relied(orgs=orgs, roles=stored["roles"], paths=paths, servers=servers, undo=undo)


def objection(change: Change, server_id: int | None, relied: Relied, now: Now) -> str:
    """Return why a change must not be made any more, without a full stop; empty if it may be made."""
    for check in (_target, _roles) if relied.undo else (_present, _target, _settings, _roles, _entry):
        if reason := check(change, server_id, relied, now):
            return reason
    return ""


def _present(change: Change, server_id: int | None, relied: Relied, now: Now) -> str:
    """Check that the org still has the server that decided; an absence must be proven on every server of the org."""
    servers = now.servers_of(change.before.org_id)
    if server_id not in servers or (change.cause is Cause.ABSENT and not relied.servers.keys() >= set(servers)):
        return _other_servers(change.before.org)
    return _changed_servers(change.before.org_id, change.before.org, relied, now)


def _target(change: Change, _server_id: int | None, relied: Relied, now: Now) -> str:
    after = change.after
    if Action.MOVE not in change.actions:
        return ""
    org = now.orgs.get(after.org_id)
    if org is None:
        return f"the org {after.org} is not active any more"
    if org.name != after.org:
        return f"the org {after.org} is called {org.name} by now"
    if relied.undo:
        return ""
    return _moved_orgs(change, relied, now) or _changed_servers(after.org_id, after.org, relied, now)


def _moved_orgs(change: Change, relied: Relied, now: Now) -> str:
    """Check that both orgs of a move lie where they did: how far the user's roles reach depends on it."""
    for org_id, name in ((change.before.org_id, change.before.org), (change.after.org_id, change.after.org)):
        org = now.orgs.get(org_id)
        if relied.paths is not None and org is not None and relied.paths.get(org_id) != org.path:
            return f"the org {name} lies elsewhere in the tree by now"
    return ""


def _changed_servers(org_id: int, name: str, relied: Relied, now: Now) -> str:
    same = relied.orgs is None or relied.orgs.get(org_id) == now.servers_of(org_id)
    return "" if same else _other_servers(name)


def _other_servers(org: str) -> str:
    return f"{org} asks other LDAP servers than it did when the plan was made"


def _settings(_change: Change, server_id: int | None, relied: Relied, now: Now) -> str:
    if server_id is None or relied.servers.get(server_id) == now.servers.get(server_id):
        return ""
    return f"the settings of {now.names.get(server_id, 'its LDAP server')} have changed since the plan was made"


def _roles(change: Change, _server_id: int | None, relied: Relied, now: Now) -> str:
    for role in sorted(change.after.roles - change.before.roles):
        if role not in now.roles:
            return f"there is no role {role} any more"
        if relied.roles is not None and relied.roles.get(role) != now.roles[role]:
            return f"the role {role} has been changed since the plan was made"
    return ""


def _entry(change: Change, server_id: int | None, _relied: Relied, now: Now) -> str:
    """Check that no entry of the user that was read after the plan was made contradicts it."""
    if change.cause is Cause.ABSENT and (early := now.waits.get(change.user_id)):
        return f"it is too early by the LDAP server's settings of now: {early}"
    for entry in now.entries.get(change.user_id, ()):
        if reason := _contradiction(change, server_id, entry, now):
            return reason
    return ""


def _contradiction(change: Change, server_id: int | None, entry: EntryNow, now: Now) -> str:
    dn = entry.identity.dn
    if change.cause is Cause.ABSENT:
        return f"{entry.server} has an entry of theirs by now: {dn}"
    reason = _other_state(change, entry.verdict) or _other_org_or_roles(change, entry.verdict, now)
    if not reason and not _comes_later(entry, server_id, now.servers_of(change.before.org_id)):
        reason = _other_names(change, entry.identity)
    return f"{reason} by now ({dn} in {entry.server})" if reason else ""


def _comes_later(entry: EntryNow, server_id: int | None, servers: Sequence[int]) -> bool:
    """Return whether the entry's server comes after the one that decided, so that it does not decide about names."""
    return server_id in servers and entry.server_id in servers[servers.index(server_id) + 1 :]


def _other_names(change: Change, identity: Identity) -> str:
    """Return which planned names or addresses the entry contradicts by now, as the end of an objection; else nothing."""
    before, after = change.before, change.after
    from_now, from_planned = profile_org_roles.names(before, identity), profile_org_roles.names(after, identity)
    others = [
        name.replace("_", " ")
        for name, planned in from_planned.items()
        if getattr(before, name) != getattr(after, name)
        # An account keeps its value if the entry still has it. So a sync with this entry has to keep the planned value,
        # and has to replace the present one.
        and (planned != getattr(after, name) or from_now[name] == getattr(before, name))
    ]
    return f"the directory has another {' and '.join(others)} for them" if others else ""


def _other_state(change: Change, verdict: Verdict) -> str:
    """Return how the present verdict contradicts a change that cuts the user off, brings them back or moves them."""
    actions = set(change.actions)
    if verdict.error is not None:
        return f"the {verdict.error.script} script fails for their entry"
    if verdict.active and actions & _CUTS_OFF:
        return "the active script says active"
    if not verdict.active and actions & _FOR_THE_ACTIVE:
        return "the active script says inactive"
    return ""


def _other_org_or_roles(change: Change, verdict: Verdict, now: Now) -> str:
    if Action.MOVE in change.actions and fold(verdict.org_name or "") != fold(change.after.org):
        return f"the org name script says {verdict.org_name or 'nothing'}"
    granted = {fold(role) for role in change.after.roles - change.before.roles}
    lost = {fold(role) for role in change.before.roles - change.after.roles}
    roles = _roles_of(verdict, change.after.org_id, now)
    # If the script leaves roles alone by now, no loss contradicts it.
    if Action.SET_ROLES in change.actions and (granted - roles or lost & (lost if verdict.roles is None else roles)):
        return "the role name script gives other roles"
    return ""


def _roles_of(verdict: Verdict, org_id: int, now: Now) -> set[str]:
    """Return the folded names of the roles that a verdict gives; an empty list stands for the org's default roles."""
    org = now.orgs.get(org_id)
    defaults: Iterable[str] = org.default_roles if org is not None else ()
    return {fold(name) for name in (defaults if verdict.roles == () else verdict.roles or ())}
