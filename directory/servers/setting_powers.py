"""Limits what people may do with LDAP servers: grant no more than they hold, and not end the approval of plans."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from directory.input_errors import Refused
from directory.models import LdapServer
from directory.org_scope import orgs_in_scope, server_lists, servers_by_org
from directory.servers.setting_questions import wrong_limits
from orgs.actions import escalation_guard
from orgs.models import Org, Role, User
from orgs.permissions import SERVER_ADMINISTRATOR, SYSADMIN, Permission
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings
from orgs.rules.permission_comparison import EVERYWHERE

# The enabled LDAP servers that each org uses, in order, by the org's id.
Lists = Mapping[int, tuple[int, ...]]

# The most roles that a refusal names.
_MOST_NAMED = 6
_NEVER_GRANTED_BY_DEFAULT = {SYSADMIN, SERVER_ADMINISTRATOR}


def is_sysadmin(by: Actor) -> bool:
    """Return whether the author is a person who may do everything; the command line is no person."""
    return by.user_id is not None and User.objects.select_related("org").get(pk=by.user_id).may(Permission.ADMIN)


def beyond(by: Actor, roles: Iterable[Role]) -> list[str]:
    """Return the names of the roles with a permission that the author does not hold in every org."""
    actor = escalation_guard.acting(by)
    return [] if actor is None else sorted(escalation_guard.not_grantable(actor, roles, org_path=EVERYWHERE))


def _out_of_reach(by: Actor, granted: Iterable[Role]) -> list[str]:
    """Return the roles that a server with this list of roles can give, but that hold more than the author.

    These include the default roles of any org: a script may move anybody there, and give them by an empty list. A default
    role that holds ``admin`` is given only if the server may grant it, like any other role.
    """
    if (actor := escalation_guard.acting(by)) is None:
        return []
    roles = {role.name: role for role in Role.objects.all() if not role.holds_admin}
    found = beyond(by, granted)
    for org in sorted(effective_settings().values(), key=lambda org: org.path):
        usual = [roles[name] for name in org.default_roles if org.active and name in roles]
        refused = escalation_guard.not_grantable(actor, usual, org_path=org.path)
        found += [f"{name} (default role of {org.name})" for name in sorted(refused)]
    return found


def default_grantable_roles(by: Actor) -> list[Role]:
    """Return the roles that a new server of this author may grant: all roles that hold no more than the author.

    Roles that administer the console are never among them.
    """
    usual = [role for role in Role.objects.all() if role.name not in _NEVER_GRANTED_BY_DEFAULT and not role.holds_admin]
    refused = set(beyond(by, usual))
    return [role for role in usual if role.name not in refused]


def wrong_grants(server: LdapServer, roles: Iterable[Role] | None, *, by: Actor, decides_anew: bool) -> dict[str, str]:
    """Return errors, by field, of the roles that the server may grant once it is saved.

    ``roles`` are the new list, None when it stays. A person who holds them has allowed the roles that the server may grant
    already. ``decides_anew``: the save changes connection, search, attributes or scripts, and so which users get these
    roles or the default roles of any org.
    """
    granted = set(server.grantable_roles.all()) if server.pk else set()
    grants = granted if roles is None else set(roles)
    if refused := beyond(by, grants - granted):
        return {
            "grantable_roles": f"only a SYSADMIN may let a server grant {', '.join(refused)}: "
            "you do not hold all of these permissions in every org"
        }
    if server.pk and decides_anew and (powers := _out_of_reach(by, grants)):
        return {
            "grantable_roles": "only a SYSADMIN may change connection, search, attributes or scripts of a server that "
            f"may grant {_named(powers)}: you do not hold all of these permissions in every org"
        }
    return {}


def lists() -> dict[int, tuple[int, ...]]:
    """Return the enabled LDAP servers that each org in scope uses, in order, by the org's id."""
    enabled = set(LdapServer.objects.enabled().values_list("pk", flat=True))
    return {pk: tuple(each for each in org.servers if each in enabled) for pk, org in orgs_in_scope().items()}


def gaining(before: Lists, after: Lists) -> set[int]:
    """Return the servers that would decide about users of an org about whom they did not decide before.

    A sync searches the servers of an org in order, and the first server that finds a user decides. So a server also gains
    users when one before it is gone.
    """
    found = set()
    for org_id, servers in after.items():
        old = before.get(org_id, ())
        for position, server in enumerate(servers):
            if server not in old or not set(old[: old.index(server)]) <= set(servers[:position]):
                found.add(server)
    return found


def wrong_lists(before: Lists, *, by: Actor) -> str:
    """Return why the author may not change the orgs' lists from ``before`` to the present ones; empty if they may."""
    if by.user_id is None:
        return ""
    servers = LdapServer.objects.filter(pk__in=gaining(before, lists())).in_order()
    for server in servers.prefetch_related("grantable_roles"):
        if powers := _out_of_reach(by, server.grantable_roles.all()):
            return (
                f"only a SYSADMIN may do this: {server.name} would decide about users about whom it does not decide now, "
                f"and it may grant {_named(powers)}, whose permissions you do not hold in every org"
            )
    return ""


def wrong_approval(stored: LdapServer, before: Mapping[str, Any], orgs: Sequence[Org] | None) -> dict[str, str]:
    """Return errors for changes, by field, by which plans would need no approval any more: only a SYSADMIN may make them.

    ``before`` are the old settings, empty for a new server. ``orgs`` are the orgs that use the server from then on, None
    when they stay.
    """
    errors = {}
    if before.get("requires_approval"):
        if not stored.requires_approval:
            errors["requires_approval"] = (
                "only a SYSADMIN may let plans go without the approval of a second administrator"
            )
        if before["enabled"] and not stored.enabled:
            errors["enabled"] = "only a SYSADMIN may disable a server whose plans need approval"
        if orgs is not None and set(before["orgs"]) - {org.name for org in orgs}:
            errors["orgs"] = "only a SYSADMIN may take an org from a server whose plans need approval"
    elif orgs and not stored.requires_approval:
        requiring = set(
            LdapServer.objects.filter(requires_approval=True).exclude(pk=stored.pk).values_list("pk", flat=True)
        )
        lists = server_lists()
        new = [
            org.name
            for org in orgs
            if org.name not in before.get("orgs", ()) and requiring & set(lists.get(org.pk, ()))
        ]
        if new:
            errors["orgs"] = f"plans for {', '.join(new)} need approval: let this server ask for it too"
    return errors


def wrong_scope(before: Lists, after: Lists, *, by: Actor) -> str:
    """Return why the author may not change which servers decide about which orgs; empty if they may.

    ``before`` and ``after`` are the servers that syncs search for each org (``servers_by_org``), by the org's id. Only a
    SYSADMIN may take users from the approval of plans, or let a server without approval decide beside one with it.
    """
    if by.user_id is None or is_sysadmin(by):
        return ""
    requiring = dict(LdapServer.objects.filter(requires_approval=True).values_list("pk", "name"))
    for org_id in sorted(before.keys() & after.keys()):
        old, new = set(before[org_id]), set(after[org_id])
        if gone := old & requiring.keys() - new:
            return f"only a SYSADMIN may take an org from {requiring[min(gone)]}, whose plans need approval"
        if old & requiring.keys() and new - old - requiring.keys():
            return f"only a SYSADMIN may let a server decide without approval beside {requiring[min(old & requiring.keys())]}"
    return ""


@contextmanager
def deciding_as_allowed(*, by: Actor) -> Iterator[None]:
    """Refuse a change of orgs in the block after which servers decide about users as the author may not allow.

    Raises:
        Refused: when a server would decide that may grant more than the author holds, or without approval.
    """
    before, scope = lists(), servers_by_org()
    yield
    if problem := wrong_lists(before, by=by) or wrong_scope(scope, servers_by_org(), by=by):
        raise Refused(problem)


def only_for_sysadmins(
    stored: LdapServer, approval_ends: Mapping[str, str], off_before: Collection[str], *, by: Actor
) -> dict[str, str]:
    """Return errors, by field, for what a person may not save, or the command line only with its option.

    ``approval_ends`` are the errors of ``wrong_approval``. ``off_before`` are the limits that held back nothing before.
    """
    if by.user_id is None:
        return {field: f"{message}; here that takes --turn-off-approval" for field, message in approval_ends.items()}
    return {**wrong_limits(stored, off_before), **approval_ends}


def _named(powers: Collection[str]) -> str:
    more = len(powers) - _MOST_NAMED
    return f"{', '.join(list(powers)[:_MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"
