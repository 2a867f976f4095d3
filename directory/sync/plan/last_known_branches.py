"""Where a directory had people last, and who of the same branch it still has: what tells the gone from the hidden."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Exists, OuterRef

from directory.ldap.absence.visibility import MOST_NEIGHBOURS
from directory.models import LastSeen, Match, PlannedMatch, RunServer, StoredEntry
from directory.sync.identify import last_seen
from directory.values import distinguished_names
from directory.values.ldap import MissingUser

# So many branches are looked into for those whom no directory ever had.
MOST_BRANCHES = 20
# A simulation finds people, too, before anything is noted; older plans tell nothing new.
LATEST_PLANS = 3
WHERE = ("user_id", "server_id", "dn")


def last_dns(users: Collection[int], server_id: int) -> dict[int, tuple[int | None, str]]:
    """Return which server had these users last and their DN there, by user id; whom none ever had is left out.

    Where this server had an entry that it has no more counts before what is noted. Where nothing is known of somebody,
    what the latest plans of this server went by counts.
    """
    noted = Match.objects.filter(user__among=users).values_list(*WHERE)
    found: dict[int, tuple[int | None, str]] = {pk: (server, dn) for pk, server, dn in noted}
    found |= {pk: (server_id, dn) for pk, dn in last_seen.dns_of(users, server_id).items()}
    if unknown := [pk for pk in users if pk not in found]:
        latest = RunServer.objects.filter(server=server_id, complete=True).order_by("-pk").values_list("run", flat=True)
        planned = PlannedMatch.objects.filter(run__in=list(latest[:LATEST_PLANS]), user__among=unknown)
        for pk, server, dn in planned.order_by("run").values_list(*WHERE):
            found[pk] = (server, dn)
    return found


def lost(server_id: int) -> list[MissingUser]:
    """Return active users whom a server had and has no more, one of each branch."""
    there = StoredEntry.objects.filter(server=server_id, user=OuterRef("user"))
    found: dict[str, MissingUser] = {}
    for model in (LastSeen, Match):
        had = model.objects.filter(~Exists(there), server=server_id, user__active=True).order_by("pk")
        columns = ("user_id", "user__username", "unique_id", "dn")
        for pk, username, unique_id, dn in had.values_list(*columns).iterator():
            if len(found) == MOST_BRANCHES:
                break
            ids = (unique_id,) if unique_id else ()
            found.setdefault(
                distinguished_names.key(distinguished_names.parent(dn)), MissingUser(pk, username, ids, dn)
            )
    return list(found.values())


class Neighbours:
    """Users' entries of one server by branch, a few of each; they are collected when they are first asked for."""

    def __init__(self, server_id: int) -> None:
        self._server_id = server_id
        self._by_branch: dict[str, list[str]] | None = None

    def of(self, branch: str) -> Sequence[str]:
        """Return the DNs of a few users' entries of a branch."""
        if self._by_branch is None:
            self._by_branch = self._collected()
        return self._by_branch.get(distinguished_names.key(branch), ())

    def _collected(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        stored = StoredEntry.objects.filter(server=self._server_id, user__isnull=False).order_by("pk")
        for dn in stored.values_list("dn", flat=True).iterator(chunk_size=5000):
            known = found.setdefault(distinguished_names.key(distinguished_names.parent(dn)), [])
            if len(known) < MOST_NEIGHBOURS:
                known.append(dn)
        return found
