"""Entries as a reading has them: those that are stored, those that have just been read, and the key of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from directory.values.ldap import Identity
from directory.values.plan import Candidate, MatchedBy
from directory.values.scripts import Verdict
from orgs.bulk import Json

# What there is to know of a row, as ``Stored`` has it.
KNOWN = ("pk", "digest", "user_id", "matched_by", "ambiguous", "settled")


class Stored(NamedTuple):
    """The part of a stored entry by which a reading can leave it as it is; ``settled``: its verdict still holds."""

    pk: int
    digest: str
    user_id: int | None
    matched_by: str
    ambiguous: bool
    settled: bool

    @property
    def can_skip(self) -> bool:
        """Whether the reading may leave the entry alone, provided that it is still matched to the same user."""
        return not self.ambiguous and (self.settled or self.user_id is None)

    def fits(self, candidate: Candidate | None) -> bool:
        """Return whether the entry is still taken for the same user.

        One that was matched by username may carry the immutable id that has been noted for its user since: whoever asks
        about the user sees that from the match, so that rows need not be written again for it, unless others claim them.
        """
        user_id, ambiguous, matched_by = matched(candidate)
        alike = self.matched_by == matched_by or (
            not ambiguous and self.matched_by == MatchedBy.USERNAME and matched_by == MatchedBy.ID
        )
        return alike and (self.user_id, self.ambiguous) == (user_id, ambiguous)


class StoredContent(NamedTuple):
    """A stored entry with its key and what it holds."""

    dn_key: str
    dn: str
    attributes: dict[str, list[str]]
    stored: Stored

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """Take a row of key, DN and attributes, with the columns of ``KNOWN`` after them."""
        dn_key, dn, attributes, *known = row
        return cls(dn_key, dn, attributes, Stored(*known))


class GoneEntry(NamedTuple):
    """A stored entry that the directory has no longer."""

    pk: int
    user_id: int | None
    dn: str
    unique_id: str


class EntryKey(NamedTuple):
    """The key of one DN and a digest of what the entry holds; ``stored`` is the row of that DN, if there is one."""

    key: str
    digest: str
    stored: Stored | None = None

    @property
    def same(self) -> Stored | None:
        """The stored row where it still holds all values of the entry."""
        return self.stored if self.stored is not None and self.stored.digest == self.digest else None


@dataclass(slots=True)
class ReadEntry:
    """One entry that has to be looked at: who it is and may be, and what the scripts say, once they were asked.

    ``attributes`` are None where nobody has to look into them: the row holds what they say. ``named`` says which of
    those that mapping and scripts name are among them.
    """

    entry_key: EntryKey
    identity: Identity
    candidate: Candidate | None
    attributes: Json | None = None
    named: str = ""
    verdict: Verdict | None = None

    @property
    def needs_evaluation(self) -> bool:
        """Whether the scripts have to run for the entry."""
        return self.candidate is not None and not (self.entry_key.same and self.entry_key.same.settled)


@dataclass(slots=True)
class Waiting:
    """Entries that have been read, the indexes of those ``to_evaluate``, and the verdicts on these so far."""

    read: list[ReadEntry]
    to_evaluate: list[int]
    verdicts: list[Verdict] = field(default_factory=list)


def matched(candidate: Candidate | None) -> tuple[int | None, bool, str]:
    """Return as columns whose entry it is taken for, whether others have a claim to it, and by what."""
    if candidate is None:
        return None, False, ""
    return candidate.user_id, bool(candidate.competing_users), candidate.by.value
