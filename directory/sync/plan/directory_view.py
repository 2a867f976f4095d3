"""Looks each user up in the entries of all servers of a run, and notes the entry that decided."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from directory.ldap.entry_identity import id_key
from directory.models import PlannedMatch, RunServer, StoredEntry
from directory.scripts import verdict_json
from directory.sync.identify import entry_claims, known_ids, last_seen_dns
from directory.sync.identify.entry_claims import COLUMNS, ClaimingEntry, Key, of_others
from directory.sync.identify.known_ids import NOTHING, KnownInDirectories
from directory.sync.identify.same_person import KnownPerson
from directory.sync.identify.unidentified_entries import Unidentified
from directory.sync.plan.rules import absence
from directory.sync.plan.rules.absence import ServerReading
from directory.sync.plan.rules.preconditions import EntryNow
from directory.sync.stored import plan_json
from directory.values.ldap import Entry, Identity
from directory.values.plan import LookupResult, MatchedBy, Presence
from orgs.bulk_writes import insert_rows
from orgs.text import fold


def remember_matches(*, plan_id: int, run_id: int, at: datetime) -> None:
    """Note the entry that decided about each user of this plan, without users whose entry is in doubt.

    Earlier plans of the servers that were read to their end are void now, so their planned matches are deleted.
    """
    left = last_seen_dns.moved_on(plan_id)
    known_ids.note(plan_id=plan_id, run_id=run_id, at=at)
    last_seen_dns.forget_where_they_left(left)
    read = RunServer.objects.filter(run=plan_id, server__isnull=False, complete=True).values("server")
    PlannedMatch.objects.filter(Q(run=plan_id) | Q(server__in=read, run__lt=plan_id)).delete()


def stored_since(
    run_id: int, servers_by_user: Mapping[int, Collection[int]], names: Mapping[int, str]
) -> dict[int, list[EntryNow]]:
    """Return, by user id, the entries that later runs have stored for these users.

    ``servers_by_user`` maps user ids to the servers of their org, ``names`` server ids to names.
    """
    rows_since = StoredEntry.objects.filter(run_id__gt=run_id, user__among=servers_by_user).order_by("pk")
    columns = ("user_id", "server_id", "dn", "identity", Cast("verdict", TextField()))
    found: dict[int, list[EntryNow]] = {}
    for user, server, dn, identity, verdict in rows_since.values_list(*columns):
        if server in servers_by_user[user] and server in names:
            who = plan_json.identity_from_json(dn, identity)
            now = EntryNow(server, names[server], who, verdict_json.verdict_from_text(verdict))
            found.setdefault(user, []).append(now)
    return found


class DirectoryView:
    """All entries that one run has read from its servers, looked up by user."""

    def __init__(
        self, readings: Iterable[ServerReading], competing_users: Mapping[tuple[int, int], Collection[int]]
    ) -> None:
        """Take the finished readings, and the competing users by (server id, user id)."""
        self._readings = {reading.server_id: reading for reading in readings}
        self._complete = [pk for pk, reading in self._readings.items() if reading.complete]
        self._claims = entry_claims.look(competing_users, self._complete)
        self._unidentified: dict[int, Unidentified] = {}
        self._duplicate_usernames: dict[int, frozenset[int]] = {}

    def lookup_results(self, users: Mapping[int, Sequence[int]]) -> dict[int, LookupResult]:
        """Return the lookup result of each user; ``users`` maps user ids to the servers to search, in order."""
        noted = known_ids.of(users)
        # A complete reading has dropped the entries that it did not find, so all stored entries of its server were
        # found. The entries of a server that broke off only show that it has an immutable id of a user.
        found: dict[Key, list[ClaimingEntry]] = {}
        by_name: set[int] = set()
        for claiming in self._claiming_entries(users):
            entry = claiming
            if entry.matched_by != MatchedBy.ID:
                if entry.is_of(noted.get(entry.user_id, NOTHING)):
                    entry = entry._replace(matched_by=MatchedBy.ID)
                else:
                    by_name.add(entry.user_id)
            found.setdefault((entry.server_id, entry.user_id), []).append(entry)
        persons = entry_claims.people([pk for pk in by_name if noted.get(pk, NOTHING).ids])
        return {
            pk: self._lookup_result(pk, servers, found, noted.get(pk, NOTHING), persons.get(pk))
            for pk, servers in users.items()
        }

    def _claiming_entries(self, users: Collection[int]) -> Iterable[ClaimingEntry]:
        """Yield the entries of these users on all servers of the run."""
        stored = StoredEntry.objects.filter(server__in=list(self._readings), user__among=users).order_by("pk")
        # As text: nearly all verdicts are equal to one of a few, so each text is parsed once.
        for row in stored.values_list(*COLUMNS, Cast("verdict", TextField())):
            yield ClaimingEntry(*row)

    def is_duplicate_username(self, server_id: int, key: str) -> bool:
        """Return whether two entries on one server, which was read to its end, carry this folded username.

        A user who is renamed to it would match both entries from then on.
        """
        if server_id not in self._duplicate_usernames:
            self._duplicate_usernames[server_id] = _duplicate_usernames(server_id)
        return hash(key) in self._duplicate_usernames[server_id]

    def plan_matches(self, run_id: int, lookup_results: Mapping[int, LookupResult]) -> None:
        """Store the planned matches of these users (by id) whose entry is another one than the noted match."""
        new = [
            (
                run_id,
                pk,
                lookup_result.server_id,
                who.dn,
                who.unique_id,
                _as_text(who.further_ids),
                _by_id(lookup_result),
            )
            for pk, lookup_result in lookup_results.items()
            if lookup_result.newly_matched and (who := lookup_result.identity) is not None
        ]
        insert_rows(PlannedMatch, ("run", "user", "server", "dn", "unique_id", "further_ids", "by_id"), new)

    def known_ids(self, users: Collection[int], *, server_id: int) -> dict[int, tuple[str, ...]]:
        """Return the immutable ids of these users that count on a server."""
        noted = known_ids.of(users)
        return {pk: tuple(sorted(one for one, of in each.ids if of in {0, server_id})) for pk, each in noted.items()}

    def entries(self, ids: Mapping[int, int]) -> dict[int, Entry]:
        """Return entries by user id; ``ids`` maps user ids to the ids of their stored entries."""
        stored = StoredEntry.objects.filter(pk__among=ids.values()).values_list("pk", "dn", "attributes")
        found = {pk: Entry(dn, {name: tuple(v) for name, v in attributes.items()}) for pk, dn, attributes in stored}
        return {user: found[pk] for user, pk in ids.items()}

    def _lookup_result(
        self,
        user: int,
        servers: Sequence[int],
        found: Mapping[Key, Sequence[ClaimingEntry]],
        noted: KnownInDirectories,
        person: KnownPerson | None,
    ) -> LookupResult:
        """Look in the servers in order; an immutable id on a later one counts more than a username on an earlier one."""
        by_id = _first_by_id(user, servers, found) if len(servers) > 1 else None
        known_id, namesakes = noted.known_id, list[Identity]()
        for server in servers:
            reading = self._readings.get(server)
            if reading is None or not reading.complete:
                return absence.unread(server, reading, known_id=known_id)
            if by_id is not None and server != by_id:
                continue
            key, theirs = (server, user), found.get((server, user), ())
            others = of_others(theirs, noted, person)
            clash, entry = _one_of(
                [row for row in theirs if row not in others] if others else theirs,
                claimed=key in self._claims.claimed,
                ambiguous=key in self._claims.ambiguous,
            )
            if clash:
                reason = f"{reading.name}: {clash}"
                return LookupResult(Presence.CONFLICT, reading.name, server, reason=reason, known_id=known_id)
            if entry is not None:
                return _found_result(reading, entry, noted)
            namesakes += [*(row.who for row in others), *self._claims.namesakes.get(key, ())]
        searched = [self._readings[server] for server in servers]
        return absence.of_nobody_found(
            searched,
            absence.KnownBefore(known_id, noted.server, has_ids=bool(noted.ids)),
            namesakes,
            unidentified=self._unidentified_of,
        )

    def _unidentified_of(self, server_id: int) -> Unidentified:
        return self._unidentified.setdefault(server_id, Unidentified(server_id))


def _duplicate_usernames(server_id: int) -> frozenset[int]:
    """Return the hashes of the folded usernames that two entries on a server carry."""
    found = array("q")
    stored = StoredEntry.objects.filter(server=server_id).values_list("identity__usernames")
    for (names,) in stored.iterator(chunk_size=5000):
        found.extend({hash(fold(name)) for name in names})
    return frozenset(one for one, other in pairwise(sorted(found)) if one == other)


def _one_of(entries: Sequence[ClaimingEntry], *, claimed: bool, ambiguous: bool) -> tuple[str, ClaimingEntry | None]:
    """Return why a user's entries on one server conflict, or the entry that counts, or neither.

    ``claimed``: another user's entry carries this username. ``ambiguous``: a user whose own entry was not found has a
    claim to this entry.
    """
    if not entries:
        return ("one entry for two users: another user's entry carries this username" if claimed else ""), None
    by_id = list(filter(_by_known_id, entries))
    if len(by_id) > 1:
        return f"two entries carry this user's immutable id: {by_id[0].dn} and {by_id[1].dn}", None
    if by_id:
        # The immutable id decides; but another entry with the same username is a conflict all the same.
        names = by_id[0].usernames
        for row in entries:
            if row is not by_id[0] and names & row.usernames:
                return f"two entries for one user: {by_id[0].dn} and {row.dn}", None
        chosen = by_id[0]
    elif len(entries) > 1:
        return f"two entries for one user: {entries[0].dn} and {entries[1].dn}", None
    else:
        chosen = entries[0]
    if chosen.ambiguous and (ambiguous or chosen.matched_by != MatchedBy.ID):
        return f"one entry for two users: {chosen.dn}", None
    return "", chosen


def _first_by_id(user: int, servers: Sequence[int], found: Mapping[Key, Sequence[ClaimingEntry]]) -> int | None:
    """Return the first of these servers that has an entry with an immutable id of this user, or None."""
    return next((pk for pk in servers if any(map(_by_known_id, found.get((pk, user), ())))), None)


def _by_known_id(entry: ClaimingEntry) -> bool:
    return entry.matched_by == MatchedBy.ID


def _by_id(lookup_result: LookupResult) -> bool:
    return lookup_result.matched_by == MatchedBy.ID


def _as_text(further_ids: Sequence[str]) -> str:
    return json.dumps(further_ids) if further_ids else ""


def _found_result(reading: ServerReading, row: ClaimingEntry, noted: KnownInDirectories) -> LookupResult:
    who = row.who
    fresh = not noted.ids.issuperset([id_key(one, row.server_id) for one in who.ids])
    return LookupResult(
        presence=Presence.FOUND,
        server=reading.name,
        server_id=row.server_id,
        identity=who,
        verdict=verdict_json.verdict_from_text(row.verdict),
        matched_by=row.matched_by,
        known_id=noted.known_id,
        entry_id=row.pk,
        # An entry that another user claims as well is no match to note.
        newly_matched=not row.ambiguous
        and (fresh or noted[:3] != (row.server_id, who.dn, who.unique_id or noted.unique_id)),
    )
