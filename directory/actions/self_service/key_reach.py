"""Decides which users a registration key is for: those of its org, and those whom its directory knows."""

from __future__ import annotations

from directory.org_scope import orgs_in_scope
from orgs.models import Org, User
from orgs.rules.local_sign_in import password_counts


def servers_of(org: Org) -> frozenset[int]:
    """Return the LDAP servers of an org that follows LDAP; none for others."""
    scope = orgs_in_scope()
    return frozenset(scope[org.pk].servers) if org.pk in scope else frozenset()


def may_use_key(user: User, org: Org) -> bool:
    """Return whether the key of ``org`` can be this user's, before any password is checked.

    It is where the user is in the org or below it. Scripts and syncs move people to other orgs too: so it also is where a
    directory of the org can know them. Nobody else's password is ever checked with the key of another company.
    """
    if user.org.path.startswith(org.path):
        return True
    return not password_counts(user) and bool(servers_of(org) & servers_of(user.org))


def was_proven_by(server_id: int | None, *, user: User, org: Org) -> bool:
    """Return whether the server that took the password makes the key of ``org`` this user's."""
    return user.org.path.startswith(org.path) or server_id in servers_of(org)
