"""Which roles the answer of a role name script means, when a user is made and at each sync alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from directory.values.plan import OrgFacts, PlanContext
from orgs.text import fold


class Granting(NamedTuple):
    """What one LDAP server may grant: its name, role names; ``known`` are all roles by folded name."""

    server: str
    grantable: frozenset[str]
    known: Mapping[str, str]
    admin_roles: frozenset[str]


@dataclass(slots=True)
class Resolved:
    """The roles that are meant, None to leave roles as they are, with the sentences that say why."""

    roles: frozenset[str] | None = None
    steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def leave_out(self, warning: str) -> None:
        """Note a role that is not given."""
        self.warnings.append(warning)
        self.steps.append(f"{warning}: left out.")


def granting(server_id: int, server: str, context: PlanContext) -> Granting:
    """Return what a server may grant, out of what a plan is made against."""
    return Granting(server, context.grantable.get(server_id, frozenset()), context.roles, context.admin_roles)


def resolve(
    returned: tuple[str, ...] | None, *, current_roles: frozenset[str], org: OrgFacts, by: Granting
) -> Resolved:
    """Return the roles of a user who holds some already and is, or ends up, in this org.

    ``returned`` is the script's result: None leaves roles alone, an empty one stands for the org's default roles. A role
    that the user holds already may be kept, even where the server may not grant it.
    """
    found = Resolved()
    if returned is None:
        found.steps.append("The role name script leaves roles alone.")
        return found
    if not returned:
        found.steps.append(f"The role name script returned an empty list: the default roles of {org.name}.")
        _defaults(found, current_roles, org, by)
        return found
    found.steps.append(f"The role name script says {', '.join(returned)}.")
    roles = set()
    for name in returned:
        role = by.known.get(fold(name))
        if role is None:
            found.leave_out(f"There is no role {name or '(an empty name)'}")
        elif role not in by.grantable and role not in current_roles:
            found.leave_out(f"{by.server} may not grant the role {role}")
        else:
            roles.add(role)
    if roles:
        found.roles = frozenset(roles)
    else:
        found.steps.append("No role is left to give, so roles are left alone.")
    return found


def of_new_user(returned: tuple[str, ...] | None, *, org: OrgFacts, by: Granting) -> Resolved:
    """Return the roles of a user who is being made: where a sync would leave roles alone, the org's default roles."""
    found = resolve(returned, current_roles=frozenset(), org=org, by=by)
    if found.roles is None:
        found.steps.append(f"A new user begins with the default roles of {org.name}.")
        _defaults(found, frozenset(), org, by)
    return found


def _defaults(found: Resolved, current_roles: frozenset[str], org: OrgFacts, by: Granting) -> None:
    """An org's default roles are its own setting; only a role that holds admin needs the server's leave as well."""
    refused = org.default_roles & (by.admin_roles - by.grantable - current_roles)
    for role in sorted(refused):
        found.leave_out(f"{by.server} may not grant {role}, a default role of {org.name}")
    found.roles = org.default_roles - refused
