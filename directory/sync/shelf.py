"""Keeps what one run reads from one server: rows that still say the same are left alone, with the verdicts in them."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from directory.models import StoredEntry
from directory.sync import rows
from directory.sync.identity import identity
from directory.sync.values import AttributeMapping, Candidate, Entry, Identity, Verdict
from orgs.bulk import insert_rows, update_rows

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
                taken = {"user": user, "matched_by": matched_by, "contested": contested}
                moved[each.before.pk] = {**taken, "run_id": self._run_id}
        touched = self._taken_for(new, moved)
        insert_rows(StoredEntry, COLUMNS, new, unless=["server", "dn_key"])
        update_rows(StoredEntry, moved, columns=["user", "matched_by", "contested", "run_id"])
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
