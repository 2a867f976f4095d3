"""Answers what the directory says about each user, and notes by which entry it was decided."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from directory.models import PlannedMatch, RunServer, StoredEntry
from directory.sync import known_ids, rows
from directory.sync.identity import id_key, is_theirs
from directory.sync.known_ids import NOTHING, Noted
from directory.sync.surroundings import EntryNow
from directory.sync.values import (
    Entry,
    MatchedBy,
    Presence,
    Sighting,
)
from orgs.bulk import insert_rows
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run got from one server; ``error`` says why it is not complete, ``unread`` what lies elsewhere.

    ``extent`` says in words that it is a reading of changes only; empty for one of everything.
    """

    server_id: int
    name: str
    pages: int = 0
    entries: int = 0
    complete: bool = False
    error: str = ""
    unread: str = ""
    extent: str = ""


def remember_matches(*, plan_id: int, run_id: int, at: datetime) -> None:
    """Note by which entry each user was decided in this plan, except for those that the run found doubtful.

    What earlier plans would have noted for the same servers is of no interest any more.
    """
    known_ids.note(plan_id=plan_id, run_id=run_id, at=at)
    servers = RunServer.objects.filter(run=plan_id, server__isnull=False).values("server")
    PlannedMatch.objects.filter(server__in=servers, run__lte=plan_id).delete()


def stored_since(
    run_id: int, asked: Mapping[int, Collection[int]], names: Mapping[int, str]
) -> dict[int, list[EntryNow]]:
    """Return what runs after this one have stored of users (keys) on the servers that are asked for them (values).

    ``names`` are those of the servers.
    """
    rows_since = StoredEntry.objects.filter(run_id__gt=run_id, user__among=asked).order_by("pk")
    columns = ("user_id", "server_id", "dn", Cast("verdict", TextField()))
    found: dict[int, list[EntryNow]] = {}
    for user, server, dn, verdict in rows_since.values_list(*columns):
        if server in asked[user] and server in names:
            found.setdefault(user, []).append(EntryNow(names[server], dn, rows.verdict_from_text(verdict)))
    return found


@dataclass(frozen=True, slots=True)
class Found:
    """One stored entry that claims a user."""

    pk: int
    server_id: int
    user_id: int
    dn: str
    matched_by: str
    contested: bool
    identity: Mapping[str, Any]
    verdict: str | None = None


COLUMNS = ("pk", "server_id", "user_id", "dn", "matched_by", "contested", "identity")


class Directory:
    """What one run read from all its servers, asked user by user."""

    def __init__(self, readings: Iterable[Reading], rivals: Mapping[tuple[int, int], Collection[int]]) -> None:
        """Take the finished readings, and who else has a claim to the entry of a user (server id, user id)."""
        self._readings = {reading.server_id: reading for reading in readings}
        self._complete = [pk for pk, reading in self._readings.items() if reading.complete]
        self._claims = {(server, rival) for (server, _), claimed in rivals.items() for rival in claimed}
        settled = self._found_by_id({rival for _, rival in self._claims})
        self._contested = {key for key, claimed in rivals.items() if not settled.issuperset(claimed)}
        self._doubled: dict[int, frozenset[int]] = {}

    def sightings(self, users: Mapping[int, Sequence[int]]) -> dict[int, Sighting]:
        """Return what the directory says about each user; ``users`` maps ids to the servers to ask, in order."""
        noted = known_ids.of(users)
        # A complete reading has dropped what it did not find, so whatever is stored of its server was found. Of a server
        # that broke off it only counts that an immutable id was known there.
        stored = StoredEntry.objects.filter(server__in=list(self._readings), user__among=users).order_by("pk")
        found: dict[tuple[int, int], list[Found]] = {}
        # As text, since nearly all are the same few.
        for row in stored.values_list(*COLUMNS, Cast("verdict", TextField())):
            entry = Found(*row)
            if entry.matched_by != MatchedBy.ID and _is_theirs(entry, noted.get(entry.user_id, NOTHING)):
                entry = replace(entry, matched_by=MatchedBy.ID)
            found.setdefault((entry.server_id, entry.user_id), []).append(entry)
        return {pk: self._sighting(pk, servers, found, noted.get(pk, NOTHING)) for pk, servers in users.items()}

    def is_doubled(self, server_id: int, key: str) -> bool:
        """Tell whether two entries on one server, which was read to its end, carry this folded username.

        Whoever is renamed to it would be taken for both from then on.
        """
        if server_id not in self._doubled:
            self._doubled[server_id] = _doubled(server_id)
        return hash(key) in self._doubled[server_id]

    def plan_matches(self, run_id: int, sightings: Mapping[int, Sighting]) -> None:
        """Store which other entries than those noted users (keys) were decided by, with what is decided of them."""
        new = [
            (run_id, pk, sighting.server_id, who.dn, who.unique_id, _as_text(who.further_ids), _by_id(sighting))
            for pk, sighting in sightings.items()
            if sighting.newly_matched and (who := sighting.identity) is not None
        ]
        insert_rows(PlannedMatch, ("run", "user", "server", "dn", "unique_id", "further_ids", "by_id"), new)

    def _found_by_id(self, users: Collection[int]) -> set[int]:
        """Return who has an entry by immutable id: that one is theirs, whoever else carries their username by now."""
        wanted, found = sorted(users), set[int]()
        theirs = StoredEntry.objects.filter(server__in=self._complete)
        for start in range(0, len(wanted), 1000):
            part = wanted[start : start + 1000]
            noted = known_ids.of(part)
            for row in theirs.filter(user__among=part).values_list(*COLUMNS):
                entry = Found(*row)
                if entry.matched_by == MatchedBy.ID or _is_theirs(entry, noted.get(entry.user_id, NOTHING)):
                    found.add(entry.user_id)
        return found

    def known_ids(self, users: Collection[int], *, server_id: int) -> dict[int, tuple[str, ...]]:
        """Return the immutable ids of these users that count on a server."""
        noted = known_ids.of(users)
        return {pk: tuple(sorted(one for one, of in each.ids if of in {0, server_id})) for pk, each in noted.items()}

    def entries(self, ids: Mapping[int, int]) -> dict[int, Entry]:
        """Return entries by user; ``ids`` maps users to the stored entries that they were found by."""
        stored = StoredEntry.objects.filter(pk__among=ids.values()).values_list("pk", "dn", "attributes")
        found = {pk: Entry(dn, {name: tuple(v) for name, v in attributes.items()}) for pk, dn, attributes in stored}
        return {user: found[pk] for user, pk in ids.items()}

    def _sighting(
        self, user: int, servers: Sequence[int], found: Mapping[tuple[int, int], Sequence[Found]], noted: Noted
    ) -> Sighting:
        """Ask the servers in order; an immutable id on a later one counts more than a username on an earlier one."""
        by_id = [pk for pk in servers if any(row.matched_by == MatchedBy.ID for row in found.get((pk, user), ()))]
        known_id = noted.known_id
        for server in servers:
            reading = self._readings.get(server)
            if reading is None:
                reason = "an LDAP server of this org is disabled or took no part in this run"
                return Sighting(Presence.NOT_CHECKED, server_id=server, reason=reason, known_id=known_id)
            if not reading.complete:
                reason = f"{reading.name} was not read to its end: {reading.error}".rstrip(".")
                return Sighting(Presence.NOT_CHECKED, reading.name, server, reason=reason, known_id=known_id)
            if by_id and server != by_id[0]:
                continue
            key = (server, user)
            clash, entry = _one_of(found.get(key, ()), claimed=key in self._claims, contested=key in self._contested)
            if clash:
                reason = f"{reading.name}: {clash}"
                return Sighting(Presence.CONFLICT, reading.name, server, reason=reason, known_id=known_id)
            if entry is not None:
                return _seen(reading, entry, noted)
        return self._absent([self._readings[server] for server in servers], noted)

    def _absent(self, searched: Sequence[Reading], noted: Noted) -> Sighting:
        """Whoever is in none of them counts for the one that had them last: its limits are for what it loses."""
        noted_server, known_id = noted.server, noted.known_id
        last = next((reading for reading in searched if reading.server_id == noted_server), searched[-1])
        for reading in searched:
            if reading.extent:
                reason = f"{reading.name} was asked for {reading.extent}, and a full reading tells who is absent"
                return Sighting(Presence.NOT_LOOKED_FOR, last.name, last.server_id, reason=reason, known_id=known_id)
        for reading in searched:
            if reading.unread:
                reason = f"{reading.name} refers to {reading.unread}, which was not read, so nobody is proven absent"
                return Sighting(Presence.NOT_CHECKED, last.name, last.server_id, reason=reason, known_id=known_id)
        places = ", ".join(f"{reading.name} ({_amount(reading)})" for reading in searched)
        reason = f"nobody matches in {places}, searched to the last page"
        return Sighting(Presence.ABSENT, last.name, last.server_id, reason=reason, known_id=known_id)


def _doubled(server_id: int) -> frozenset[int]:
    """Return the hashes of the folded usernames that two entries on a server carry."""
    found = array("q")
    stored = StoredEntry.objects.filter(server=server_id).values_list("identity__usernames")
    for (names,) in stored.iterator(chunk_size=5000):
        found.extend({hash(fold(name)) for name in names})
    return frozenset(one for one, other in pairwise(sorted(found)) if one == other)


def _amount(reading: Reading) -> str:
    return f"{reading.entries} entries in {reading.pages} {'page' if reading.pages == 1 else 'pages'}"


def _one_of(entries: Sequence[Found], *, claimed: bool, contested: bool) -> tuple[str, Found | None]:
    """Return why the entries of one server conflict, or the one that counts, or neither.

    ``claimed`` says that another user's entry carries this username, ``contested`` that a user whose own entry was not
    found has a claim to this one.
    """
    if not entries:
        return ("one entry for two users: another user's entry carries this username" if claimed else ""), None
    by_id = [row for row in entries if row.matched_by == MatchedBy.ID]
    if len(by_id) > 1:
        return f"two entries carry this user's immutable id: {by_id[0].dn} and {by_id[1].dn}", None
    if by_id:
        # The immutable id decides; but two entries with one username today are two claims all the same.
        names = _usernames(by_id[0])
        for row in entries:
            if row is not by_id[0] and names & _usernames(row):
                return f"two entries for one user: {by_id[0].dn} and {row.dn}", None
        chosen = by_id[0]
    elif len(entries) > 1:
        return f"two entries for one user: {entries[0].dn} and {entries[1].dn}", None
    else:
        chosen = entries[0]
    if chosen.contested and (contested or chosen.matched_by != MatchedBy.ID):
        return f"one entry for two users: {chosen.dn}", None
    return "", chosen


def _is_theirs(entry: Found, noted: Noted) -> bool:
    """Tell whether an entry that was matched by username carries an id that has been noted for its user since."""
    return is_theirs(rows.identity_from_json(entry.dn, entry.identity), entry.server_id, noted.ids)


def _by_id(sighting: Sighting) -> bool:
    return sighting.matched_by == MatchedBy.ID


def _as_text(further_ids: Sequence[str]) -> str:
    return json.dumps(further_ids) if further_ids else ""


def _usernames(row: Found) -> set[str]:
    return {fold(name) for name in row.identity["usernames"]}


def _seen(reading: Reading, row: Found, noted: Noted) -> Sighting:
    who = rows.identity_from_json(row.dn, row.identity)
    fresh = any(id_key(one, row.server_id) not in noted.ids for one in who.ids)
    return Sighting(
        presence=Presence.FOUND,
        server=reading.name,
        server_id=row.server_id,
        identity=who,
        verdict=rows.verdict_from_text(row.verdict),
        matched_by=row.matched_by,
        known_id=noted.known_id,
        entry_id=row.pk,
        # What somebody else claims as well is noted of nobody.
        newly_matched=not row.contested
        and (fresh or noted[:3] != (row.server_id, who.dn, who.unique_id or noted.unique_id)),
    )
