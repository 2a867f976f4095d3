"""Identities → users: who of the users in scope an entry may be. Reads, decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from directory.models import Match
from directory.sync.values import Candidate, Identity, MatchedBy
from orgs.models import User
from orgs.text import fold


def candidates(
    identities: Sequence[Identity], *, org_ids: Collection[int], only_ids_of: int | None = None
) -> list[Candidate | None]:
    """Return for each entry the user it may be, or None: by immutable id where one is known, else by username.

    ``only_ids_of`` is the server to which ids that are unique only there belong (a staff number, say).
    """
    ids = {identity.unique_id for identity in identities if identity.unique_id}
    keys = {fold(name) for identity in identities for name in identity.usernames}
    matches = Match.objects.filter(unique_id__in=ids, user__org__in=org_ids)
    if only_ids_of is not None:
        matches = matches.filter(server=only_ids_of)
    by_id: dict[str, set[int]] = {}
    for unique_id, pk in matches.values_list("unique_id", "user_id"):
        by_id.setdefault(unique_id, set()).add(pk)
    by_name = dict(User.objects.filter(username_key__in=keys, org__in=org_ids).values_list("username_key", "pk"))
    return [_candidate(identity, by_id, by_name) for identity in identities]


def _candidate(identity: Identity, by_id: dict[str, set[int]], by_name: dict[str, int]) -> Candidate | None:
    known = sorted(by_id.get(identity.unique_id, ()))
    named = sorted({by_name[key] for key in map(fold, identity.usernames) if key in by_name})
    claims = [*known, *(pk for pk in named if pk not in known)]
    if not claims:
        return None
    return Candidate(claims[0], MatchedBy.ID if known else MatchedBy.USERNAME, tuple(claims[1:]))


def presence_keys(org_ids: Collection[int]) -> set[int]:
    """Return who is in scope, one hash for each user: whoever joins later was not looked for in the directory."""
    users = User.objects.filter(org__in=org_ids).values_list("pk", "username_key")
    return {hash(row) for row in users.iterator(chunk_size=5000)}


def was_looked_for(seen: Collection[int], user_id: int, username: str) -> bool:
    """Tell whether a user was in scope, under this name, when the reading began."""
    return hash((user_id, fold(username))) in seen
