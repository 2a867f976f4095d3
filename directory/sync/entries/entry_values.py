"""The shapes of entries in a reading: stored ones, those that have just been read, and the key of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from directory.values.ldap import Identity
from directory.values.plan import Candidate, MatchedBy
from directory.values.scripts import Verdict
from orgs.bulk_writes import Json

# The columns of ``Stored``, in its order.
KNOWN = ("pk", "digest", "user_id", "matched_by", "ambiguous", "settled")


class Stored(NamedTuple):
    """The columns that show whether a reading may leave a stored entry as it is.

    ``settled`` is True if the verdict holds as long as the entry stays the same.
    """

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

        An entry that was matched by username may carry an immutable id that has been noted for its user since. The
        directory view finds that out from the match, so such a row is not written again, unless others claim the entry.
        """
        user_id, ambiguous, matched_by = matched(candidate)
        alike = self.matched_by == matched_by or (
            not ambiguous and self.matched_by == MatchedBy.USERNAME and matched_by == MatchedBy.ID
        )
        return alike and (self.user_id, self.ambiguous) == (user_id, ambiguous)


class StoredContent(NamedTuple):
    """A stored entry with its key, DN and attributes."""

    dn_key: str
    dn: str
    attributes: dict[str, list[str]]
    stored: Stored

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """Return the entry of a row: key, DN and attributes, then the columns of ``KNOWN``."""
        dn_key, dn, attributes, *known = row
        return cls(dn_key, dn, attributes, Stored(*known))


class GoneEntry(NamedTuple):
    """A stored entry that is no longer in the directory."""

    pk: int
    user_id: int | None
    dn: str
    unique_id: str


class EntryKey(NamedTuple):
    """The key of one DN and a digest of the entry's content; ``stored`` is the row of that DN, if there is one."""

    key: str
    digest: str
    stored: Stored | None = None

    @property
    def same(self) -> Stored | None:
        """The stored row if it still holds all values of the entry, else None."""
        return self.stored if self.stored is not None and self.stored.digest == self.digest else None


@dataclass(slots=True)
class ReadEntry:
    """One entry that has to be processed: its identity, the user it may belong to, and its verdict once there is one.

    ``attributes`` is None if the stored attributes still hold. ``named`` notes which of the attributes that mapping and
    scripts name the entry has.
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
    """Return the columns of a match: the user's id, whether others claim the entry too, and what it was matched by."""
    if candidate is None:
        return None, False, ""
    return candidate.user_id, bool(candidate.competing_users), candidate.by.value
