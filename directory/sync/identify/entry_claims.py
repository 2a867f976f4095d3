"""Decides which users claim an entry, by id or by username, and which of these claims are void."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from directory.ldap.entry_identity import is_theirs
from directory.models import StoredEntry
from directory.sync.identify import known_ids
from directory.sync.identify.known_ids import NOTHING, KnownInDirectories
from directory.sync.identify.same_person import KnownPerson, Likeness, likeness
from directory.sync.stored import plan_json
from directory.values.ldap import Identity
from directory.values.plan import MatchedBy
from orgs.models import User
from orgs.text import fold

COLUMNS = ("pk", "server_id", "user_id", "dn", "matched_by", "ambiguous", "identity")
PAGE = 1000
# The id of a server and that of a user.
Key = tuple[int, int]


class ClaimingEntry(NamedTuple):
    """One stored entry that claims a user."""

    pk: int
    server_id: int
    user_id: int
    dn: str
    matched_by: str
    ambiguous: bool
    identity: Mapping[str, Any]
    verdict: str | None = None

    @property
    def who(self) -> Identity:
        """The identity of the entry."""
        return plan_json.identity_from_json(self.dn, self.identity)

    @property
    def usernames(self) -> set[str]:
        """The folded usernames of the entry."""
        return {fold(name) for name in self.identity["usernames"]}

    def is_of(self, noted: KnownInDirectories) -> bool:
        """Return whether the entry carries an id of this user, even one that was noted after the entry was matched."""
        return bool(noted.ids) and is_theirs(self.who, self.server_id, noted.ids)


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims of users to entries that are matched to other users; all keys are a server's id and a user's id.

    ``claimed`` are the users who claim another user's entry. ``ambiguous`` are the users of such entries, as long as it
    is open whose the entry is. ``namesakes`` are entries that carry a user's username, but are another person's.
    """

    claimed: frozenset[Key]
    ambiguous: frozenset[Key]
    namesakes: Mapping[Key, Sequence[Identity]]


def look(competing_users: Mapping[Key, Collection[int]], complete: Collection[int]) -> Claims:
    """Decide the claims of a run's readings.

    ``competing_users`` maps a server and a user to the other users who claim that user's entry. ``complete`` are the
    ids of the servers that were read to their end.
    """
    claimed = {(server, competitor) for (server, _), users in competing_users.items() for competitor in users}
    if not claimed:
        return Claims(frozenset(), frozenset(), {})
    everybody = {competitor for _, competitor in claimed}
    noted = _noted(everybody)
    settled = _found_by_id(everybody, noted, complete)
    void = _void(competing_users, noted)
    ambiguous = {
        (server, owner)
        for (server, owner), users in competing_users.items()
        if not all(competitor in settled or (server, owner, competitor) in void for competitor in users)
    }
    namesakes: dict[Key, list[Identity]] = {}
    real = {
        (server, owner, competitor) for (server, owner), users in competing_users.items() for competitor in users
    } - void.keys()
    for (server, _, competitor), who in void.items():
        namesakes.setdefault((server, competitor), []).append(who)
    return Claims(frozenset((server, competitor) for server, _, competitor in real), frozenset(ambiguous), namesakes)


def of_others(
    entries: Sequence[ClaimingEntry], noted: KnownInDirectories, person: KnownPerson | None
) -> list[ClaimingEntry]:
    """Return a user's entries if all of them are another person's, by another id and another name; else none."""
    if person is None or not noted.ids or any(row.matched_by == MatchedBy.ID for row in entries):
        return []
    others = [row for row in entries if row.who.ids and likeness(person, row.who) is Likeness.OTHER]
    return others if len(others) == len(entries) else []


def people(user_ids: Collection[int]) -> dict[int, KnownPerson]:
    """Return the names of these users."""
    columns = ("pk", "first_name", "last_name", "active")
    return {pk: KnownPerson(*row) for pk, *row in User.objects.filter(pk__among=user_ids).values_list(*columns)}


def _noted(users: Collection[int]) -> dict[int, KnownInDirectories]:
    return {pk: each for part in _parts(users) for pk, each in known_ids.of(part).items()}


def _found_by_id(
    users: Collection[int], noted: Mapping[int, KnownInDirectories], complete: Collection[int]
) -> set[int]:
    """Return the users who have an entry by immutable id: it is theirs, whatever other entry carries their username."""
    return {
        row.user_id
        for row in _entries(users, complete)
        if row.matched_by == MatchedBy.ID or row.is_of(noted.get(row.user_id, NOTHING))
    }


def _void(
    competing_users: Mapping[Key, Collection[int]], noted: Mapping[int, KnownInDirectories]
) -> dict[tuple[int, int, int], Identity]:
    """Return the void claims by (server id, owner's id, competitor's id), each with the identity of the entry.

    A claim is void if the competitor is known by other ids, and has another name than the entry. The name has to differ
    even where the entry is its owner's by id: a restored directory may have given new ids to everybody.
    """
    with_ids = {pk for pk, each in noted.items() if each.ids}
    persons = {pk: person for part in _parts(with_ids) for pk, person in people(part).items()}
    found = {}
    servers = {server for server, _ in competing_users}
    for row in _entries({owner for _, owner in competing_users}, servers):
        for competitor in with_ids.intersection(competing_users.get((row.server_id, row.user_id), ())):
            if not row.who.ids or row.is_of(noted[competitor]):
                continue
            if likeness(persons[competitor], row.who) is Likeness.OTHER:
                found[row.server_id, row.user_id, competitor] = row.who
    return found


def _entries(users: Collection[int], servers: Collection[int]) -> Iterator[ClaimingEntry]:
    for part in _parts(users):
        rows_of_part = StoredEntry.objects.filter(server__in=servers, user__among=part).order_by("pk")
        yield from (ClaimingEntry(*row) for row in rows_of_part.values_list(*COLUMNS))


def _parts(users: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(users)
    yield from (ordered[start : start + PAGE] for start in range(0, len(ordered), PAGE))
