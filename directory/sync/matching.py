"""Identities → users: who of the users in scope an entry may be. Reads, decides nothing."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from directory.models import Match
from directory.sync.values import Candidate, Identity, MatchedBy
from orgs.models import User
from orgs.text import fold


def candidates(
    identities: Sequence[Identity], *, org_ids: Collection[int], only_ids_of: int | None = None
) -> list[Candidate | None]:
    """Return for each entry the user of these orgs it may be, or None: by immutable id where one is known, else by username.

    An entry whose immutable id is known to be that of somebody outside these orgs is not the namesake's: that one has a
    claim to it as well.

    ``only_ids_of`` is the server to which ids that are unique only there belong (a staff number, say).
    """
    ids = {identity.unique_id for identity in identities if identity.unique_id}
    keys = {fold(name) for identity in identities for name in identity.usernames}
    matches = Match.objects.filter(unique_id__among=ids)
    if only_ids_of is not None:
        matches = matches.filter(server=only_ids_of)
    inside, owners = frozenset(org_ids), Owners({}, {})
    for unique_id, pk, org_id in matches.values_list("unique_id", "user_id", "user__org_id"):
        (owners.inside if org_id in inside else owners.outside).setdefault(unique_id, set()).add(pk)
    by_name = dict(User.objects.filter(username_key__among=keys, org__in=org_ids).values_list("username_key", "pk"))
    return [_candidate(identity, owners, by_name) for identity in identities]


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose immutable ids the entries carry, by id: users of the orgs in question, and others."""

    inside: dict[str, set[int]]
    outside: dict[str, set[int]]


def _candidate(identity: Identity, owners: Owners, by_name: dict[str, int]) -> Candidate | None:
    known = sorted(owners.inside.get(identity.unique_id, ()))
    strangers = sorted(owners.outside.get(identity.unique_id, ()))
    named = sorted({by_name[key] for key in map(fold, identity.usernames) if key in by_name})
    claims = [*known, *(pk for pk in named if pk not in known)]
    if not claims:
        return None
    return Candidate(claims[0], MatchedBy.ID if known else MatchedBy.USERNAME, (*claims[1:], *strangers))


class Present:
    """Who is in scope, by id, and under which name, in a few bytes for each."""

    def __init__(self, users: Iterable[tuple[int, str]]) -> None:
        """Take ids with folded usernames, in the order of the ids."""
        self._ids, self._names = array("q"), array("q")
        for pk, key in users:
            self._ids.append(pk)
            self._names.append(hash(key))

    def was(self, user_id: int, username: str) -> bool:
        """Tell whether a user was among them under this name."""
        at = bisect_left(self._ids, user_id)
        return self._ids[at : at + 1] == array("q", [user_id]) and self._names[at] == hash(fold(username))


def present(org_ids: Collection[int]) -> Present:
    """Return who is in scope now: whoever joins later is not looked for in the directory."""
    users = User.objects.filter(org__in=org_ids).order_by("pk").values_list("pk", "username_key")
    return Present(users.iterator(chunk_size=5000))
