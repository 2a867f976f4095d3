"""Resolves role names from scripts, an org's defaults or a choice by hand to roles, in syncs and for new users. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from directory.values.plan import OrgFacts, PlanContext
from orgs.text import fold

NO_ROLES = frozenset[str]()
# The beginning of the step that explains default roles.
_DEFAULTS_STEP = "The role name script returned an empty list: the default roles of"


class Granting(NamedTuple):
    """The roles that a user may be given.

    ``server`` is the name of the LDAP server that has found the user, or empty. ``grantable`` are the roles that it may
    grant, ``known`` all roles by folded name. The roles in ``admin_roles`` must be grantable even as default roles.
    ``withheld`` maps the roles that the acting person may not give to what this person lacks; it is empty in a sync.
    """

    server: str
    grantable: frozenset[str]
    known: Mapping[str, str]
    admin_roles: frozenset[str]
    withheld: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def of_server(cls, server_id: int, server: str, plan_context: PlanContext) -> Granting:
        """Return what this LDAP server may grant."""
        grantable = plan_context.grantable.get(server_id, NO_ROLES)
        return cls(server, grantable, plan_context.roles, plan_context.admin_roles)

    @classmethod
    def of_no_server(cls, plan_context: PlanContext, *, follows_ldap: bool) -> Granting:
        """Return the roles that may be given if no server has found the user; ``follows_ldap`` is a fact of the org."""
        admin_roles = plan_context.admin_roles if follows_ldap else NO_ROLES
        return cls("", NO_ROLES, plan_context.roles, admin_roles)


@dataclass(frozen=True, slots=True)
class ResolvedRoles:
    """The resulting roles, or None to leave roles as they are, with the sentences that explain them."""

    roles: frozenset[str] | None
    steps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def resolve(
    returned: tuple[str, ...] | None, *, current_roles: frozenset[str], org: OrgFacts, by: Granting
) -> ResolvedRoles:
    """Return the roles of an existing user who is in this org, or moves to it.

    ``returned`` is the script's result: None leaves roles alone, an empty tuple stands for the org's default roles. The
    user may keep a role that the server may not grant.
    """
    if returned is None:
        return ResolvedRoles(None, ("The role name script leaves roles alone.",))
    if not returned:
        step = f"{_DEFAULTS_STEP} {org.name}."
        return _defaults(ResolvedRoles(None, (step,)), current_roles, org, by)
    roles, warnings = set(), []
    for name in returned:
        role = by.known.get(fold(name))
        if role is None:
            warnings.append(f"There is no role {name or '(an empty name)'}")
        elif role not in by.grantable and role not in current_roles:
            warnings.append(f"{by.server} may not grant the role {role}")
        else:
            roles.add(role)
    steps = [f"The role name script says {', '.join(returned)}.", *map(_left_out, warnings)]
    if not roles:
        steps.append("No role is left to give, so roles are left alone.")
    return ResolvedRoles(frozenset(roles) or None, tuple(steps), tuple(warnings))


def gave_defaults(steps: Iterable[str]) -> bool:
    """Return whether the steps of a change explain that its roles are the default roles of the org."""
    return any(step.startswith(_DEFAULTS_STEP) for step in steps)


def resolve_new_user(
    returned: tuple[str, ...] | None, *, chosen: frozenset[str] | None, org: OrgFacts, by: Granting
) -> ResolvedRoles:
    """Return the roles of a new user in this org, never None: if a sync would leave roles alone, these are the defaults.

    ``chosen`` are roles that a person chose by hand, None for no choice. They count if the script leaves roles alone,
    or no server has found the user. Roles that the acting person may not give are left out.
    """
    if returned is None and chosen is not None:
        found = ResolvedRoles(chosen)
    else:
        found = resolve(returned, current_roles=NO_ROLES, org=org, by=by)
        if found.roles is None:
            step = f"A new user begins with the default roles of {org.name}."
            found = _defaults(ResolvedRoles(None, (*found.steps, step), found.warnings), NO_ROLES, org, by)
    roles = found.roles or NO_ROLES
    refused = sorted(roles & by.withheld.keys())
    further = [
        f"you do not hold all that {name} does ({by.withheld[name]}), so the role is left out" for name in refused
    ]
    ignored = sorted((chosen or NO_ROLES) - roles)
    further += [f"the role name script of {by.server} decides, so {name} is left out" for name in ignored]
    return ResolvedRoles(roles.difference(refused), found.steps, (*found.warnings, *further))


def _defaults(so_far: ResolvedRoles, current_roles: frozenset[str], org: OrgFacts, by: Granting) -> ResolvedRoles:
    """Return the default roles of an org; a role that holds admin is left out unless the server may grant it."""
    refused = sorted(org.default_roles & (by.admin_roles - by.grantable - current_roles))
    warnings = [
        f"{by.server} may not grant {role}, a default role of {org.name}"
        if by.server
        else f"no LDAP server that may grant {role} has found this user, so this default role of {org.name} is left out"
        for role in refused
    ]
    return ResolvedRoles(
        org.default_roles.difference(refused),
        (*so_far.steps, *map(_left_out, warnings)),
        (*so_far.warnings, *warnings),
    )


def _left_out(warning: str) -> str:
    return f"{warning}: left out."
