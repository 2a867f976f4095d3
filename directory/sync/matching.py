"""Identities → users: who of the users in scope an entry may be. Reads, decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from directory.models import Match
from directory.sync.values import Candidate, Identity, MatchedBy
from orgs.models import User
from orgs.text import fold


def candidates(identities: Sequence[Identity], *, org_ids: Collection[int]) -> list[Candidate | None]:
    """Return for each entry the user it may be, or None: by immutable id where one is known, else by username."""
    ids = {identity.unique_id for identity in identities if identity.unique_id}
    keys = {fold(name) for identity in identities for name in identity.usernames}
    by_id: dict[str, set[int]] = {}
    for unique_id, pk in Match.objects.filter(unique_id__in=ids, user__org__in=org_ids).values_list(
        "unique_id", "user_id"
    ):
        by_id.setdefault(unique_id, set()).add(pk)
    by_name = dict(User.objects.filter(username_key__in=keys, org__in=org_ids).values_list("username_key", "pk"))
    return [_candidate(identity, by_id, by_name) for identity in identities]


def _candidate(identity: Identity, by_id: dict[str, set[int]], by_name: dict[str, int]) -> Candidate | None:
    known = sorted(by_id.get(identity.unique_id, ()))
    named = sorted({by_name[key] for key in map(fold, identity.usernames) if key in by_name})
    claims = [*known, *(pk for pk in named if pk not in known)]
    if not claims:
        return None
    return Candidate(claims[0], MatchedBy.ID if known else MatchedBy.USERNAME, claims[1] if len(claims) > 1 else None)
