"""Looks one user up in entries that have just been read, as a run does in those that it has stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from directory.scripts import verdict_json
from directory.sync.identify.entry_claims import ClaimingEntry
from directory.sync.plan.directory_view import DirectoryView
from directory.sync.plan.rules.absence import ServerReading
from directory.sync.stored import plan_json
from directory.values.ldap import Entry, Identity
from directory.values.plan import Candidate
from directory.values.scripts import Verdict


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """An entry that has just been read from a server, the user to whom it may belong, and its verdict."""

    server_id: int
    entry: Entry
    identity: Identity
    candidate: Candidate
    verdict: Verdict

    def claiming(self, number: int) -> ClaimingEntry:
        """Return the entry in the form in which a run stores it; ``number`` stands for the id of its row."""
        return ClaimingEntry(
            pk=number,
            server_id=self.server_id,
            user_id=self.candidate.user_id,
            dn=self.entry.dn,
            matched_by=self.candidate.by,
            ambiguous=bool(self.candidate.competing_users),
            identity=plan_json.identity_to_json(self.identity),
            verdict=verdict_json.verdict_to_text(self.verdict),
        )


class LiveDirectoryView(DirectoryView):
    """The entries that have just been read from all servers of one user's org."""

    def __init__(
        self,
        readings: Iterable[ServerReading],
        competing_users: Mapping[tuple[int, int], Collection[int]],
        live: Sequence[LiveEntry],
    ) -> None:
        super().__init__(readings, competing_users)
        self._live = dict(enumerate(live, start=1))

    def entries(self, ids: Mapping[int, int]) -> dict[int, Entry]:
        """Return entries by user id, as they have just been read."""
        return {user: self._live[number].entry for user, number in ids.items()}

    def _claiming_entries(self, users: Collection[int]) -> Iterable[ClaimingEntry]:
        return (each.claiming(number) for number, each in self._live.items() if each.candidate.user_id in users)
