"""Finds users who were last found on an LDAP server that their org does not use: nothing proves that they are gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from directory.models import Match
from directory.org_scope import orgs_in_scope
from orgs.models import Org, User

# The reason why such users are not checked; a run shows it with the server's name and the number of users.
SHARED = "it had them last, and their org does not ask it"


@dataclass(frozen=True, slots=True)
class FoundOnServer:
    """Active users who were last found on one LDAP server that their orgs do not use; a deleted server has no id."""

    server_id: int | None
    name: str
    count: int
    orgs: tuple[Org, ...]

    def matches(self) -> QuerySet[Match]:
        """Return the matches of these users, by username."""
        found = _active().filter(user__org__in=[org.pk for org in self.orgs], server=self.server_id)
        named = found if self.server_id is not None else found.filter(deleted_server=self.name)
        return named.select_related("user__org", "server").order_by("user__username_key")


def groups(only: Org | None = None) -> list[FoundOnServer]:
    """Return everybody who was last found elsewhere, by LDAP server; with ``only``, users of this org alone."""
    scope = orgs_in_scope()
    counted = (
        _active()
        .filter(user__org__in=[pk for pk in scope if only is None or pk == only.pk])
        .values_list("server", Coalesce("server__name", F("deleted_server")), "user__org")
        .annotate(Count("pk"))
    )
    found: dict[tuple[str, int | None], dict[int, int]] = {}
    for server_id, name, org_id, count in counted.order_by():
        if server_id not in scope[org_id].servers:
            found.setdefault((name, server_id), {})[org_id] = count
    orgs = {org.pk: org for org in Org.objects.filter(pk__in={pk for each in found.values() for pk in each})}
    return [
        FoundOnServer(
            server_id, name, sum(counts.values()), tuple(sorted((orgs[pk] for pk in counts), key=lambda org: org.name))
        )
        for (name, server_id), counts in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0))
    ]


def of(servers: Mapping[int, Sequence[int]]) -> dict[int, tuple[str, str]]:
    """Return, by user id, server name and DN of users who were last found on a server that is not one of theirs.

    ``servers`` are the ids of the servers of each user, by user id.
    """
    if not servers:
        return {}
    rows = _noted().filter(user__among=servers).values_list("user", "server", "server__name", "deleted_server", "dn")
    return {pk: (name or deleted, dn) for pk, server, name, deleted, dn in rows if server not in servers[pk]}


def strangers_in(orgs_of_users: Mapping[int, int]) -> list[int]:
    """Return those of these users (keys) whom the directories of the orgs (values) into which they move do not know."""
    scope = orgs_in_scope()
    by_servers: dict[tuple[int, ...], list[int]] = {}
    for pk, org_id in orgs_of_users.items():
        by_servers.setdefault(scope[org_id].servers if org_id in scope else (), []).append(pk)
    found: list[int] = []
    for servers, user_ids in by_servers.items():
        unknown = User.objects.filter(_not_found_on(servers), pk__among=user_ids).order_by()
        found += unknown.values_list("pk", flat=True)
    return found


def unknown_in(org_id: int) -> Q:
    """Return the condition for users who were last found on an LDAP server that this org does not use.

    A move to the org deauthorizes their devices. Who was never found, or is managed locally, needs no directory.
    """
    scope = orgs_in_scope().get(org_id)
    return _not_found_on(scope.servers if scope is not None else ())


def _not_found_on(servers: Collection[int]) -> Q:
    elsewhere = Match.objects.filter(Q(server=None) | ~Q(server__in=servers), user=OuterRef("pk"))
    return Q(Exists(elsewhere), managed_locally=False)


def _noted() -> QuerySet[Match]:
    """Return the matches with a server or a deleted server's name: a match that was given up has neither."""
    return Match.objects.filter(~Q(server=None) | ~Q(deleted_server=""))


def _active() -> QuerySet[Match]:
    """Return the matches of users whom a sync could cut off."""
    return _noted().filter(user__active=True, user__managed_locally=False)
