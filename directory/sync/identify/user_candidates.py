"""Identities → users: finds the users in scope to whom an entry may belong. Reads, decides nothing."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from directory.ldap.entry_identity import is_theirs, parts_of_id
from directory.sync.identify import known_ids
from directory.values.ldap import Identity, IdKey
from directory.values.plan import Candidate, MatchedBy
from orgs.models import User
from orgs.text import fold


def candidates(identities: Sequence[Identity], *, org_ids: Collection[int], server_id: int) -> list[Candidate | None]:
    """Return for each entry of a server the user of these orgs to whom it may belong, or None.

    Known immutable ids come first, then the username. If an entry's immutable id is known for a user outside these
    orgs, that user is among the competing users.
    """
    keys = {fold(name) for identity in identities for name in identity.usernames}
    owners = _owners(identities, frozenset(org_ids), server_id)
    by_name = dict(User.objects.filter(username_key__among=keys, org__in=org_ids).values_list("username_key", "pk"))
    return [_candidate(identity, owners, by_name) for identity in identities]


@dataclass(frozen=True, slots=True)
class Owners:
    """The users who have the entries' immutable ids, by immutable id: those ``inside`` the orgs, and those ``outside``.

    ``numbered`` maps these users to their ids, where some entry has a company's own number as its id; else it is empty.
    """

    server_id: int
    inside: dict[str, set[int]]
    outside: dict[str, set[int]]
    numbered: dict[int, frozenset[IdKey]]

    def of(self, identity: Identity) -> tuple[list[int], list[int]]:
        """Return the users who have an id of this entry: those of the orgs, and others."""
        return self._of(identity, self.inside), self._of(identity, self.outside)

    def _of(self, identity: Identity, owners: dict[str, set[int]]) -> list[int]:
        if not owners:
            return []
        found = {pk for unique_id in identity.ids for pk in owners.get(unique_id, ())}
        if self.numbered:
            found -= {pk for pk in found & self.numbered.keys() if not self._may_be(identity, pk)}
        return sorted(found)

    def _may_be(self, identity: Identity, pk: int) -> bool:
        return is_theirs(identity, self.server_id, self.numbered[pk])


def _owners(identities: Sequence[Identity], org_ids: frozenset[int], server_id: int) -> Owners:
    owners, ids = Owners(server_id, {}, {}, {}), {each for identity in identities for each in identity.ids}
    for unique_id, pk, org_id in known_ids.owners(ids, server_id=server_id):
        (owners.inside if org_id in org_ids else owners.outside).setdefault(unique_id, set()).add(pk)
    # A company's own number can show that an entry is not a user's, although another id is. Few entries have one.
    if any(parts_of_id(each)[0] for each in ids):
        found = {pk for part in (owners.inside, owners.outside) for users in part.values() for pk in users}
        owners.numbered.update({pk: noted.ids for pk, noted in known_ids.of(found).items()})
    return owners


def _candidate(identity: Identity, owners: Owners, by_name: dict[str, int]) -> Candidate | None:
    owners_of_ids, strangers = owners.of(identity)
    named = sorted({by_name[key] for key in map(fold, identity.usernames) if key in by_name})
    claims = [*owners_of_ids, *(pk for pk in named if pk not in owners_of_ids)]
    if not claims:
        return None
    return Candidate(claims[0], MatchedBy.ID if owners_of_ids else MatchedBy.USERNAME, (*claims[1:], *strangers))


class UsersInScope:
    """The users in scope, with ids and hashes of usernames, in a few bytes for each."""

    def __init__(self, users: Iterable[tuple[int, str]]) -> None:
        """Take (user id, folded username) in the order of the ids."""
        self._ids, self._names = array("q"), array("q")
        for pk, key in users:
            self._ids.append(pk)
            self._names.append(hash(key))

    def was(self, user_id: int, username: str) -> bool:
        """Return whether a user was in scope with this username."""
        at = bisect_left(self._ids, user_id)
        return self._ids[at : at + 1] == array("q", [user_id]) and self._names[at] == hash(fold(username))


def present(org_ids: Collection[int]) -> UsersInScope:
    """Return the users in scope now; a run does not look for users who join later."""
    users = User.objects.filter(org__in=org_ids).order_by("pk").values_list("pk", "username_key")
    return UsersInScope(users.iterator(chunk_size=5000))
