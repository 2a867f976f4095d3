"""Finds the servers that require a second administrator's approval of a plan."""

from __future__ import annotations

from directory.models import LdapServer, Run
from directory.sync.stored import plan_rows


def reasons(run: Run) -> list[str]:
    """Return a sentence for each LDAP server of the run that requires approval; none if the plan changes nobody."""
    if not plan_rows.any_to_apply(run):
        return []
    servers = LdapServer.objects.requiring_approval().filter(readings__run=run).in_order()
    return [f"{server.name}: plans need the approval of a second administrator." for server in servers]
