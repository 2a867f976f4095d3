"""Loads the orgs, roles and settings that a plan is made against."""

from __future__ import annotations

from collections.abc import Mapping

from directory.models import LdapServer, SyncSettings
from directory.org_scope import OrgScope
from directory.values.plan import OrgFacts, PlanContext
from orgs.models import Role
from orgs.rules.inheritance import Effective, effective_settings
from orgs.rules.permission_comparison import depends_on_org
from orgs.text import fold


def org_facts(effective: Mapping[int, Effective], org_servers: Mapping[int, tuple[int, ...]]) -> dict[int, OrgFacts]:
    """Return the active orgs by id; ``org_servers`` are the servers of each org that follows LDAP."""
    return {
        org.id: OrgFacts(
            id=org.id,
            name=org.name,
            default_roles=org.default_roles,
            synchronized=bool(org_servers.get(org.id)),
            servers=org_servers.get(org.id, ()),
            path=org.path,
        )
        for org in effective.values()
        if org.active
    }


def load_plan_context(scope: Mapping[int, OrgScope]) -> PlanContext:
    """Return the orgs, roles and settings that a plan is decided against."""
    roles = list(Role.objects.all())
    org_servers = {pk: org.servers for pk, org in scope.items()}
    return PlanContext(
        orgs={fold(org.name): org for org in org_facts(effective_settings(), org_servers).values()},
        roles={fold(role.name): role.name for role in roles},
        admin_roles=frozenset(role.name for role in roles if role.holds_admin),
        powerful_roles=frozenset(role.name for role in roles if role.reaches_every_org),
        org_roles=frozenset(role.name for role in roles if depends_on_org(role.permissions)),
        grantable={
            server.pk: frozenset(role.name for role in server.grantable_roles.all())
            for server in LdapServer.objects.prefetch_related("grantable_roles")
        },
        reactivate_set_by_person=SyncSettings.objects.filter(reactivate_set_by_person=True).exists(),
    )
