"""Finds the last DNs of missing users, and neighbours in the same branch, which show that it is still visible."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Exists, OuterRef

from directory.ldap.absence.visibility import MOST_NEIGHBOURS
from directory.models import LastSeen, Match, PlannedMatch, RunServer, StoredEntry
from directory.sync.identify import last_seen_dns
from directory.values import distinguished_names
from directory.values.ldap import MissingUser

# The most branches that are searched for users whom no directory ever had.
MOST_BRANCHES = 20
# Simulations count as well: they find users before a match is noted. Older plans have nothing new.
LATEST_PLANS = 3
WHERE = ("user_id", "server_id", "dn")


def last_dns(users: Collection[int], server_id: int) -> dict[int, tuple[int | None, str]]:
    """Return the id of the server that had each user last, and the DN there, by user id; users without one are left out.

    An entry that this server has no more counts before the noted match. For a user without both, the planned matches
    of this server's latest plans count.
    """
    noted = Match.objects.filter(user__among=users).values_list(*WHERE)
    found: dict[int, tuple[int | None, str]] = {pk: (server, dn) for pk, server, dn in noted}
    found |= {pk: (server_id, dn) for pk, dn in last_seen_dns.dns_of(users, server_id).items()}
    if unknown := [pk for pk in users if pk not in found]:
        latest = RunServer.objects.filter(server=server_id, complete=True).order_by("-pk").values_list("run", flat=True)
        planned = PlannedMatch.objects.filter(run__in=list(latest[:LATEST_PLANS]), user__among=unknown)
        for pk, server, dn in planned.order_by("run").values_list(*WHERE):
            found[pk] = (server, dn)
    return found


def lost(server_id: int) -> list[MissingUser]:
    """Return active users whose entry is no longer on a server, one for each branch, from MOST_BRANCHES at most."""
    entries = StoredEntry.objects.filter(server=server_id, user=OuterRef("user"))
    found: dict[str, MissingUser] = {}
    for model in (LastSeen, Match):
        missing = model.objects.filter(~Exists(entries), server=server_id, user__active=True).order_by("pk")
        columns = ("user_id", "user__username", "unique_id", "dn")
        for pk, username, unique_id, dn in missing.values_list(*columns).iterator():
            if len(found) == MOST_BRANCHES:
                break
            ids = (unique_id,) if unique_id else ()
            found.setdefault(
                distinguished_names.key(distinguished_names.parent(dn)), MissingUser(pk, username, ids, dn)
            )
    return list(found.values())


class Neighbours:
    """The DNs of a few users' entries in each branch of one server, collected at the first use."""

    def __init__(self, server_id: int) -> None:
        self._server_id = server_id
        self._by_branch: dict[str, list[str]] | None = None

    def of(self, branch: str) -> Sequence[str]:
        """Return the DNs of a few users' entries in this branch."""
        if self._by_branch is None:
            self._by_branch = self._collected()
        return self._by_branch.get(distinguished_names.key(branch), ())

    def _collected(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        stored = StoredEntry.objects.filter(server=self._server_id, user__isnull=False).order_by("pk")
        for dn in stored.values_list("dn", flat=True).iterator(chunk_size=5000):
            neighbours = found.setdefault(distinguished_names.key(distinguished_names.parent(dn)), [])
            if len(neighbours) < MOST_NEIGHBOURS:
                neighbours.append(dn)
        return found
