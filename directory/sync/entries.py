"""Keeps what was read, with the verdict on it, and answers what the directory says about each user."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from directory.models import Match, PlannedMatch, RunServer, StoredEntry
from directory.sync import rows
from directory.sync.identity import identity
from directory.sync.values import (
    AttributeMapping,
    Candidate,
    Entry,
    Identity,
    MatchedBy,
    Presence,
    Sighting,
    Verdict,
)
from orgs.bulk import insert_rows, update_rows
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run got from one server; ``error`` says why it is not complete, ``unread`` what lies elsewhere."""

    server_id: int
    name: str
    pages: int = 0
    entries: int = 0
    complete: bool = False
    error: str = ""
    unread: str = ""


COLUMNS = (
    "server",
    "run_id",
    "dn_key",
    "digest",
    "dn",
    "unique_id",
    "identity",
    "attributes",
    "user",
    "contested",
    "matched_by",
    "verdict",
    "settled",
)
# To be raised whenever Rollcall makes something else of the same entry than before.
FORM = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """What a reading has to know of a stored entry to leave it as it is; ``settled`` says that its verdict holds."""

    pk: int
    digest: str
    identity: Mapping[str, Any]
    user_id: int | None
    matched_by: str
    contested: bool
    settled: bool

    def fits(self, candidate: Candidate | None) -> bool:
        """Tell whether the entry is still taken for the same user."""
        return (self.user_id, self.matched_by, self.contested) == _match(candidate)


@dataclass(frozen=True, slots=True)
class Read:
    """One entry of a page that is being read; ``before`` is its stored row where that still holds all that it says.

    ``verdict`` is None where no script was asked: nobody's entry, or one whose stored verdict holds.
    """

    entry: Entry
    digest: str
    identity: Identity
    before: Stored | None = None
    candidate: Candidate | None = None
    verdict: Verdict | None = None

    @property
    def asks(self) -> bool:
        """Whether the scripts have to be asked about the entry."""
        return self.candidate is not None and not (self.before and self.before.settled)


class Shelf:
    """Where one run keeps what it reads from one server; rows that still say the same are left alone.

    ``made`` names what, besides the entries, decides what is made of them: scripts, mapping, settings.
    """

    def __init__(self, *, run_id: int, server_id: int, mapping: AttributeMapping, made: str) -> None:
        self._run_id = run_id
        self._server_id = server_id
        self._mapping = mapping
        self._made = hashlib.sha256(f"{FORM} {made}".encode()).hexdigest()[:16]
        self._untouched = array("q")

    def begin(self) -> None:
        """Count nothing that an attempt of the same run has read that died: this one reads it all again."""
        StoredEntry.objects.filter(server=self._server_id, run_id=self._run_id).update(run_id=0)

    def look_up(self, page: Sequence[Entry]) -> list[Read]:
        """Return the entries of a page with who they are, and what is stored of those that are as they were."""
        columns = ("dn_key", "pk", "digest", "identity", "user_id", "matched_by", "contested", "settled")
        keys = [dn_key(entry.dn) for entry in page]
        stored = StoredEntry.objects.filter(server=self._server_id, dn_key__in=keys).values_list(*columns)
        before = {key: Stored(*row) for key, *row in stored}
        return [self._read(entry, before.get(key)) for entry, key in zip(page, keys, strict=True)]

    def _read(self, entry: Entry, stored: Stored | None) -> Read:
        digest = self._made + (entry.digest or _digest(entry)).hex()
        if stored is not None and stored.digest == digest:
            return Read(entry, digest, rows.identity_from_json(entry.dn, stored.identity), stored)
        return Read(entry, digest, identity(entry, self._mapping))

    def keep(self, page: Sequence[Read]) -> set[int]:
        """Store one page over what was stored of the same DNs before; return the users of all rows that it changes."""
        told = self._said_before([each.before.pk for each in page if each.before and each.asks])
        new, moved = [], {}
        for each in page:
            stays = each.before is not None and (not each.asks or told.get(each.before.pk) == each.verdict)
            if each.before is None or not stays:
                new.append((self._server_id, self._run_id, dn_key(each.entry.dn), each.digest, *_values(each)))
                continue
            self._untouched.append(each.before.pk)
            if not each.before.fits(each.candidate):
                user, matched_by, contested = _match(each.candidate)
                moved[each.before.pk] = {"user": user, "matched_by": matched_by, "contested": contested}
        touched = self._taken_for(new, moved)
        insert_rows(StoredEntry, COLUMNS, new, unless=["server", "dn_key"])
        update_rows(StoredEntry, moved, columns=["user", "matched_by", "contested"])
        return touched

    def _taken_for(self, new: Sequence[tuple[Any, ...]], moved: Mapping[int, Mapping[str, Any]]) -> set[int]:
        """Return the users whose entries these rows have been so far, and will be."""
        written = Q(server=self._server_id, dn_key__in=[row[2] for row in new]) | Q(pk__in=list(moved))
        users = set(StoredEntry.objects.filter(written).values_list("user", flat=True)) if new or moved else set()
        users.update(row[COLUMNS.index("user")] for row in new)
        users.update(row["user"] for row in moved.values())
        return users - {None}

    def _said_before(self, pks: Sequence[int]) -> dict[int, Verdict]:
        """Return the stored verdicts of entries about which the scripts were asked again."""
        stored = StoredEntry.objects.filter(pk__in=pks, verdict__isnull=False).values_list("pk", "verdict")
        return {pk: rows.verdict_from_json(verdict) for pk, verdict in stored} if pks else {}

    def forget_unseen(self) -> set[int]:
        """Drop what a complete reading did not find any more; return the users of those entries."""
        older = StoredEntry.objects.filter(server=self._server_id).exclude(run_id=self._run_id).order_by("pk")
        seen = set(self._untouched)
        unseen = [pk for pk in older.values_list("pk", flat=True).iterator(chunk_size=5000) if pk not in seen]
        users: set[int | None] = set()
        for start in range(0, len(unseen), 1000):
            gone = StoredEntry.objects.filter(pk__in=unseen[start : start + 1000])
            users.update(gone.values_list("user", flat=True))
            gone.delete()
        return {pk for pk in users if pk is not None}


def _match(candidate: Candidate | None) -> tuple[int | None, str, bool]:
    """Return as columns whose entry it is taken for, by what, and whether others have a claim to it."""
    if candidate is None:
        return None, "", False
    return candidate.user_id, candidate.by.value, bool(candidate.rivals)


def _values(read: Read) -> tuple[Any, ...]:
    entry, verdict = read.entry, read.verdict
    return (
        entry.dn,
        read.identity.unique_id[:255],
        rows.identity_to_json(read.identity),
        dict(entry.attributes),
        *_columns(read.candidate),
        rows.verdict_to_json(verdict),
        verdict is not None and verdict.error is None and not verdict.varies,
    )


def _columns(candidate: Candidate | None) -> tuple[int | None, bool, str]:
    user, matched_by, contested = _match(candidate)
    return user, contested, matched_by


def _digest(entry: Entry) -> bytes:
    """Return a hash of an entry of which nobody has taken one as it came."""
    told = repr((entry.dn, sorted(entry.attributes.items())))
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def dn_key(dn: str) -> str:
    """Return the key under which one DN is stored once; to the letter, as only the server knows what it compares."""
    return hashlib.sha256(dn.encode("utf-8", "surrogatepass")).hexdigest()


def remember_matches(*, run_id: int, except_for: Collection[int], at: datetime) -> int:
    """Note by which entry each user was decided in this plan, except for doubtful ones; return how many are new.

    A user who is not active keeps the immutable id: another one under the same username may be another person. What
    earlier plans would have noted for the same servers is of no interest any more.
    """
    last, noted, when = 0, 0, connection.ops.adapt_datetimefield_value(at)
    planned = PlannedMatch.objects.filter(run=run_id)
    columns = ("pk", "user_id", "server_id", "dn", "unique_id", "user__active")
    while found := list(planned.filter(pk__gt=last).order_by("pk").values_list(*columns)[:1000]):
        last = found[-1][0]
        stored = {match.user_id: match for match in Match.objects.filter(user__in=[row[1] for row in found])}
        new = {
            user: (user, server, dn, unique_id, when)
            for _, user, server, dn, unique_id, active in found
            if user not in except_for and _is_news(stored.get(user), (server, dn, unique_id), active=active)
        }
        insert_rows(Match, ("user", "server", "dn", "unique_id", "matched_at"), list(new.values()), unless=["user"])
        noted += len(new)
    servers = RunServer.objects.filter(run=run_id, server__isnull=False).values("server")
    PlannedMatch.objects.filter(server__in=servers, run__lte=run_id).delete()
    return noted


def _is_news(match: Match | None, found: tuple[int, str, str], *, active: bool) -> bool:
    if match is None:
        return True
    if not active and match.unique_id and match.unique_id != found[2]:
        return False
    return (match.server_id, match.dn, match.unique_id) != found


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
    verdict: Mapping[str, Any] | None


class Directory:
    """What one run read from all its servers, asked user by user."""

    def __init__(self, readings: Iterable[Reading], rivals: Mapping[tuple[int, int], Collection[int]]) -> None:
        """Take the finished readings, and who else has a claim to the entry of a user (server id, user id)."""
        self._readings = {reading.server_id: reading for reading in readings}
        self._complete = [pk for pk, reading in self._readings.items() if reading.complete]
        self._claims = {(server, rival) for (server, _), claimed in rivals.items() for rival in claimed}
        settled = self._found_by_id({rival for _, rival in self._claims})
        self._contested = {key for key, claimed in rivals.items() if not settled.issuperset(claimed)}

    def sightings(self, users: Mapping[int, Sequence[int]]) -> dict[int, Sighting]:
        """Return what the directory says about each user; ``users`` maps ids to the servers to ask, in order."""
        columns = ("pk", "server_id", "user_id", "dn", "matched_by", "contested", "identity", "verdict")
        # A complete reading has dropped what it did not find, so whatever is stored of its server was found.
        stored = StoredEntry.objects.filter(server__in=self._complete, user__in=users).order_by("pk")
        found: dict[tuple[int, int], list[Found]] = {}
        for row in stored.values_list(*columns):
            entry = Found(*row)
            found.setdefault((entry.server_id, entry.user_id), []).append(entry)
        matches = Match.objects.filter(user__in=users).values_list("user_id", "server_id", "dn", "unique_id")
        noted = {pk: (server, dn, unique_id) for pk, server, dn, unique_id in matches}
        seen = {}
        for pk, servers in users.items():
            sighting, entry_pk = self._sighting(pk, servers, found)
            known, who = noted.get(pk, (None, "", "")), sighting.identity
            news = who is not None and known != (sighting.server_id, who.dn, who.unique_id[:255])
            seen[pk] = replace(sighting, known_id=known[2], entry_id=entry_pk or 0, newly_matched=news)
        return seen

    def plan_matches(self, run_id: int, sightings: Mapping[int, Sighting]) -> None:
        """Store which other entries than those noted users (keys) were decided by, with what is decided of them."""
        new = [
            (run_id, pk, sighting.server_id, sighting.identity.dn, sighting.identity.unique_id[:255])
            for pk, sighting in sightings.items()
            if sighting.newly_matched and sighting.identity is not None
        ]
        insert_rows(PlannedMatch, ("run", "user", "server", "dn", "unique_id"), new)

    def _found_by_id(self, users: Collection[int]) -> set[int]:
        """Return who has an entry by immutable id: that one is theirs, whoever else carries their username by now."""
        wanted, found = sorted(users), set()
        for start in range(0, len(wanted), 1000):
            rows_by_id = StoredEntry.objects.filter(server__in=self._complete, matched_by=MatchedBy.ID)
            found |= set(rows_by_id.filter(user__in=wanted[start : start + 1000]).values_list("user", flat=True))
        return found

    def known_ids(self, users: Collection[int], *, only_of: int | None = None) -> dict[int, str]:
        """Return the immutable ids that these users were last matched by; ``only_of`` is the one server they count for."""
        matches = Match.objects.filter(user__in=users)
        if only_of is not None:
            matches = matches.filter(server=only_of)
        return dict(matches.values_list("user_id", "unique_id"))

    def entries(self, ids: Mapping[int, int]) -> dict[int, Entry]:
        """Return entries by user; ``ids`` maps users to the stored entries that they were found by."""
        stored = StoredEntry.objects.filter(pk__in=ids.values()).values_list("pk", "dn", "attributes")
        found = {pk: Entry(dn, {name: tuple(v) for name, v in attributes.items()}) for pk, dn, attributes in stored}
        return {user: found[pk] for user, pk in ids.items()}

    def _sighting(
        self, user: int, servers: Sequence[int], found: Mapping[tuple[int, int], Sequence[Found]]
    ) -> tuple[Sighting, int | None]:
        """Ask the servers in order; an immutable id on a later one counts more than a username on an earlier one."""
        by_id = [pk for pk in servers if any(row.matched_by == MatchedBy.ID for row in found.get((pk, user), ()))]
        for server in servers:
            reading = self._readings.get(server)
            if reading is None:
                reason = "an LDAP server of this org is disabled or took no part in this run"
                return Sighting(Presence.NOT_CHECKED, server_id=server, reason=reason), None
            place = Sighting(Presence.NOT_CHECKED, server=reading.name, server_id=server)
            if not reading.complete:
                reason = f"{reading.name} was not read to its end: {reading.error}".rstrip(".")
                return replace(place, reason=reason), None
            if by_id and server != by_id[0]:
                continue
            key = (server, user)
            clash, entry = _one_of(found.get(key, ()), claimed=key in self._claims, contested=key in self._contested)
            if clash:
                return replace(place, presence=Presence.CONFLICT, reason=f"{reading.name}: {clash}"), None
            if entry is not None:
                return _seen(place, entry), entry.pk
        return self._absent([self._readings[server] for server in servers]), None

    def _absent(self, searched: Sequence[Reading]) -> Sighting:
        last = searched[-1]
        for reading in searched:
            if reading.unread:
                reason = f"{reading.name} refers to {reading.unread}, which was not read, so nobody is proven absent"
                return Sighting(Presence.NOT_CHECKED, server=last.name, server_id=last.server_id, reason=reason)
        places = ", ".join(f"{reading.name} ({_amount(reading)})" for reading in searched)
        reason = f"nobody matches in {places}, searched to the last page"
        return Sighting(Presence.ABSENT, server=last.name, server_id=last.server_id, reason=reason)


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


def _usernames(row: Found) -> set[str]:
    return {fold(name) for name in row.identity["usernames"]}


def _seen(place: Sighting, row: Found) -> Sighting:
    return replace(
        place,
        presence=Presence.FOUND,
        identity=rows.identity_from_json(row.dn, row.identity),
        verdict=rows.verdict_from_json(row.verdict),
        matched_by=row.matched_by,
    )
