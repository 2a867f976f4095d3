"""Finds the orgs in the scope of syncs and the ordered LDAP servers of each, own or inherited."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from directory import digests
from directory.models import LdapServer, OrgServer
from orgs.models import DirectoryService, Org
from orgs.rules.inheritance import Effective, effective_settings


@dataclass(frozen=True, slots=True)
class OrgScope:
    """One org that follows LDAP; ``servers`` are ids in search order."""

    org: Effective
    servers: tuple[int, ...]


def own_lists() -> dict[int, tuple[int, ...]]:
    """Return the ordered LDAP servers of each org that has a list of its own."""
    found: dict[int, list[int]] = {}
    for org_id, server_id in OrgServer.objects.order_by("org", "position", "pk").values_list("org_id", "server_id"):
        found.setdefault(org_id, []).append(server_id)
    return {pk: tuple(servers) for pk, servers in found.items()}


def server_lists(
    effective: dict[int, Effective] | None = None, own: Mapping[int, tuple[int, ...]] | None = None
) -> dict[int, tuple[int, ...]]:
    """Return every org's ordered LDAP servers: its own list, or the nearest list above it."""
    effective = effective if effective is not None else effective_settings()
    lists = own if own is not None else own_lists()
    return {org.id: next((lists[above] for above in org.lineage if above in lists), ()) for org in effective.values()}


def servers_by_org(
    effective: dict[int, Effective] | None = None, own: Mapping[int, tuple[int, ...]] | None = None
) -> dict[int, tuple[int, ...]]:
    """Return the ordered LDAP servers that syncs search for the users of each active org; none for a locally managed org."""
    effective = effective if effective is not None else effective_settings()
    lists = server_lists(effective, own)
    return {
        org.id: lists[org.id] if org.directory_service == DirectoryService.LDAP else ()
        for org in effective.values()
        if org.active
    }


def uses_server(org: Org, server_id: int) -> bool:
    """Return whether this server is enabled and one of those of the org, its own or inherited ones, with one query."""
    ends = range(org.steplen, len(org.path) + 1, org.steplen)
    rows = OrgServer.objects.filter(org__path__in=[org.path[:end] for end in ends])
    found = list(rows.order_by("-org__depth").values_list("org_id", "server_id", "server__enabled"))
    return any(of == found[0][0] and pk == server_id and enabled for of, pk, enabled in found)


def orgs_in_scope() -> dict[int, OrgScope]:
    """Return the active orgs whose effective directory service is LDAP and that have servers, by id."""
    effective = effective_settings()
    lists = server_lists(effective)
    return {
        org.id: OrgScope(org, lists[org.id])
        for org in effective.values()
        if org.active and org.directory_service == DirectoryService.LDAP and lists[org.id]
    }


def org_lists_digests() -> dict[int, str]:
    """Return a hash for each server id: of the orgs that use the server, each with its ordered servers.

    An org that inherits its servers is not in the hash, so that a new org changes no hash. An inactive org is not either.
    """
    effective = effective_settings()
    lists = server_lists(effective)
    lists_of_orgs: dict[int, tuple[int, ...]] = {}
    rows: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
    for org in effective.values():
        above = lists_of_orgs.get(org.lineage[1], ()) if len(org.lineage) > 1 else ()
        lists_of_orgs[org.id] = (
            above if not org.active else lists[org.id] if org.directory_service == DirectoryService.LDAP else ()
        )
        if lists_of_orgs[org.id] != above:
            for server in {*lists_of_orgs[org.id], *above}:
                rows.setdefault(server, []).append((org.id, lists_of_orgs[org.id]))
    return {pk: digests.of_json(sorted(each)) for pk, each in rows.items()}


def servers_to_read(chosen: Collection[int], scope: Iterable[OrgScope]) -> list[LdapServer]:
    """Return the enabled servers that a run must read, in order: the chosen ones and all that share an org with them.

    Absence is proven only when every server of an org was searched, so a server never runs without its neighbours.
    An empty choice means every enabled server that an org uses.
    """
    used: set[int] = set()
    for org in scope:
        if not chosen or set(org.servers) & set(chosen):
            used.update(org.servers)
    return list(LdapServer.objects.enabled().filter(pk__in=used).in_order())


def inherited(orgs: Iterable[Org]) -> dict[Org, tuple[int, ...]]:
    """Return the servers that syncs search for orgs without a list of their own; orgs that inherit none are left out."""
    own, lists = own_lists(), servers_by_org()
    return {org: lists[org.pk] for org in orgs if org.pk not in own and lists.get(org.pk)}
