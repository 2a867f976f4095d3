"""Keeps what was read, with the verdict on it, and answers what the directory says about each user."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from directory.models import Match, RunServer, StoredEntry
from directory.sync.values import (
    Candidate,
    Entry,
    Identity,
    MatchedBy,
    Presence,
    ScriptError,
    ScriptName,
    Sighting,
    Verdict,
)
from orgs.bulk import insert_rows
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run got from one server; ``error`` says why it is not complete."""

    server_id: int
    name: str
    pages: int = 0
    entries: int = 0
    complete: bool = False
    error: str = ""


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
    "rival",
    "matched_by",
    "chosen",
    "verdict",
)


def keep(
    *,
    run_id: int,
    server_id: int,
    page: Sequence[tuple[Entry, Identity, Candidate | None, Verdict | None]],
) -> None:
    """Store one page of entries over what was stored of the same DNs before."""
    keys = [dn_key(entry.dn) for entry, *_ in page]
    stored = StoredEntry.objects.filter(server=server_id, dn_key__in=keys)
    before = dict(stored.values_list("dn_key", "digest"))
    digests = {key: (_digest(row), row) for key, row in zip(keys, page, strict=True)}
    same = [key for key, (digest, _) in digests.items() if before.get(key) == digest]
    stored.filter(dn_key__in=same).update(run_id=run_id, chosen=False)
    new = [
        (server_id, run_id, key, digest, *_values(*row))
        for key, (digest, row) in digests.items()
        if before.get(key) != digest
    ]
    insert_rows(StoredEntry, COLUMNS, new, unless=["server", "dn_key"])


def _values(entry: Entry, who: Identity, candidate: Candidate | None, verdict: Verdict | None) -> tuple[Any, ...]:
    return (
        entry.dn,
        who.unique_id[:255],
        _identity_to_json(who),
        dict(entry.attributes),
        candidate.user_id if candidate else None,
        candidate.rival if candidate else None,
        candidate.by.value if candidate else "",
        False,
        _verdict_to_json(verdict),
    )


def _digest(row: tuple[Entry, Identity, Candidate | None, Verdict | None]) -> str:
    """Return one hash of all that a stored row says, so that a row that would stay the same is not written again."""
    entry, *rest = row
    told = repr((entry.dn, sorted(entry.attributes.items()), *rest))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _identity_to_json(identity: Identity) -> dict[str, Any]:
    return {
        "unique_id": identity.unique_id,
        "usernames": identity.usernames,
        "emails": identity.emails,
        "first_name": identity.first_name,
        "last_name": identity.last_name,
    }


def _verdict_to_json(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    error = verdict.error
    return {
        "active": verdict.active,
        "org_name": verdict.org_name,
        "roles": verdict.roles,
        "error": {"script": error.script, "message": error.message, "line": error.line} if error else None,
    }


def dn_key(dn: str) -> str:
    """Return the key under which one DN is stored once, however it is spelled."""
    return hashlib.sha256(fold(dn).encode("utf-8", "surrogatepass")).hexdigest()


def forget_unseen(*, run_id: int, server_id: int) -> None:
    """Drop what a complete reading did not find any more."""
    StoredEntry.objects.filter(server=server_id).exclude(run_id=run_id).delete()


def remember_matches(*, run_id: int, conflicting: Collection[int], at: datetime) -> int:
    """Note which entry each user was decided by, except where there was a conflict; return how many are new.

    Raises nothing when a later run has read the servers again: then there is less, or nothing, to note.
    """
    last, noted = 0, 0
    decided = StoredEntry.objects.filter(run_id=run_id, chosen=True, user__isnull=False).defer("attributes")
    while rows := list(decided.filter(pk__gt=last).order_by("pk")[:1000]):
        last = rows[-1].pk
        stored = {match.user_id: match for match in Match.objects.filter(user__in=[row.user_id for row in rows])}
        new = [
            Match(user_id=row.user_id, server_id=row.server_id, dn=row.dn, unique_id=row.unique_id, matched_at=at)
            for row in rows
            if row.user_id is not None
            and row.user_id not in conflicting
            and not _same(stored.get(row.user_id or 0), row)
        ]
        Match.objects.bulk_create(
            new,
            batch_size=500,
            update_conflicts=True,
            unique_fields=["user"],
            update_fields=["server", "dn", "unique_id", "matched_at"],
        )
        noted += len(new)
    return noted


def _same(match: Match | None, row: StoredEntry) -> bool:
    return match is not None and (match.server_id, match.dn, match.unique_id) == (row.server_id, row.dn, row.unique_id)


class Directory:
    """What one run read from all its servers, asked user by user."""

    def __init__(self, run_id: int, readings: Iterable[RunServer]) -> None:
        """Take the run's finished readings."""
        self._run_id = run_id
        self._readings = {
            row.server_id: Reading(
                server_id=row.server_id,
                name=row.server_name,
                pages=row.pages,
                entries=row.entries,
                complete=row.complete,
                error=row.error,
            )
            for row in readings
            if row.server_id is not None
        }

    def sightings(self, users: Mapping[int, Sequence[int]]) -> dict[int, Sighting]:
        """Return what the directory says about each user; ``users`` maps ids to the servers to ask, in order."""
        rows: dict[tuple[int, int], list[StoredEntry]] = {}
        rivals: set[tuple[int, int]] = set()
        claimed = Q(user__in=users) | Q(rival__in=users)
        for row in StoredEntry.objects.filter(claimed, run_id=self._run_id).defer("attributes").order_by("pk"):
            rows.setdefault((row.server_id, row.user_id or 0), []).append(row)
            if row.rival_id is not None:
                rivals.add((row.server_id, row.rival_id))
        known = dict(Match.objects.filter(user__in=users).values_list("user_id", "unique_id"))
        seen = {}
        chosen: list[int] = []
        for pk, servers in users.items():
            seen[pk], row_id = self._sighting(pk, servers, rows, rivals, known.get(pk, ""))
            if row_id is not None:
                chosen.append(row_id)
        StoredEntry.objects.filter(pk__in=chosen).update(chosen=True)
        return seen

    def _sighting(
        self,
        user: int,
        servers: Sequence[int],
        rows: Mapping[tuple[int, int], list[StoredEntry]],
        rivals: set[tuple[int, int]],
        known_id: str,
    ) -> tuple[Sighting, int | None]:
        searched = []
        for server in servers:
            reading = self._readings.get(server)
            if reading is None:
                reason = "an LDAP server of this org is disabled or took no part in this run"
                return Sighting(Presence.NOT_CHECKED, reason=reason), None
            if not reading.complete:
                reason = f"{reading.name} was not read to its end: {reading.error}"
                return Sighting(Presence.NOT_CHECKED, server=reading.name, reason=reason.rstrip(".")), None
            entries = rows.get((server, user), [])
            clash, row = _one_of(entries, contested=(server, user) in rivals)
            if clash:
                return Sighting(Presence.CONFLICT, server=reading.name, reason=f"{reading.name}: {clash}"), None
            if row is not None:
                return _found(row, reading.name, known_id), row.pk
            searched.append(f"{reading.name} ({_amount(reading)})")
        return Sighting(
            Presence.ABSENT,
            server=self._readings[servers[-1]].name,
            reason=f"nobody matches in {', '.join(searched)}, searched to the last page",
        ), None


def _amount(reading: Reading) -> str:
    return f"{reading.entries} entries in {reading.pages} {'page' if reading.pages == 1 else 'pages'}"


def _one_of(entries: Sequence[StoredEntry], *, contested: bool) -> tuple[str, StoredEntry | None]:
    """Return why the entries of one server conflict, or the one that counts, or neither."""
    if not entries:
        return ("one entry for two users: another user's entry carries this username" if contested else ""), None
    by_id = [row for row in entries if row.matched_by == MatchedBy.ID]
    if len(by_id) > 1:
        return f"two entries carry this user's immutable id: {by_id[0].dn} and {by_id[1].dn}", None
    if by_id:
        # The immutable id decides; but two entries with one username today are two claims all the same.
        names = {fold(name) for name in _identity(by_id[0]).usernames}
        for row in entries:
            if row is not by_id[0] and names & {fold(name) for name in _identity(row).usernames}:
                return f"two entries for one user: {by_id[0].dn} and {row.dn}", None
        chosen = by_id[0]
    elif len(entries) > 1:
        return f"two entries for one user: {entries[0].dn} and {entries[1].dn}", None
    else:
        chosen = entries[0]
    if chosen.rival_id is not None:
        return f"one entry for two users: {chosen.dn}", None
    return "", chosen


def _found(row: StoredEntry, server: str, known_id: str) -> Sighting:
    return Sighting(
        Presence.FOUND,
        server=server,
        identity=_identity(row),
        verdict=_verdict(row.verdict),
        matched_by=row.matched_by,
        known_id=known_id,
    )


def _identity(row: StoredEntry) -> Identity:
    stored = row.identity
    return Identity(
        dn=row.dn,
        unique_id=stored["unique_id"],
        usernames=tuple(stored["usernames"]),
        emails=tuple(stored["emails"]),
        first_name=stored["first_name"],
        last_name=stored["last_name"],
    )


def _verdict(stored: Mapping[str, Any] | None) -> Verdict:
    if stored is None:
        raise ValueError("an entry that matches a user was stored without a verdict")
    error = stored["error"]
    return Verdict(
        active=stored["active"],
        org_name=stored["org_name"],
        roles=None if stored["roles"] is None else tuple(stored["roles"]),
        error=ScriptError(ScriptName(error["script"]), error["message"], error["line"]) if error else None,
    )
