"""Remembers for whom there was nothing to do, so that the next run need not decide about them for as long as nothing changes."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, Q, Value, When

from directory.models import Standing
from directory.sync import fingerprints
from directory.values.plan import Account, Change, LookupResult, Outcome, PlanContext, Presence, StoredUser
from orgs.bulk import insert_rows
from orgs.models import SetBy, User

PAGE = 5000
# What of a user has to be as it was.
SAME = (
    "username",
    "email",
    "first_name",
    "last_name",
    "org_id",
    "active",
    "blocked",
    "deactivated_by",
    "blocked_by",
    "session_epoch",
)
# What of their match has to be what it was, or was to be once the plan is applied.
MATCHED = ("server", "dn", "unique_id")
COLUMNS = ("user", "house", *MATCHED, *SAME)


@dataclass(frozen=True, slots=True)
class Standings:
    """The users in scope: for whom there is still nothing to do, as counts, and who is to be decided about, by id.

    ``unchanged`` counts by (org id, server id, whether active); ``undecided`` are in the order of their ids.
    """

    unchanged: Counter[tuple[int, int, bool]]
    undecided: Sequence[int]


def fingerprint(house: PlanContext) -> str:
    """Return one hash of all that decisions are made against, beside users and entries: the rules' own source, too."""
    content = [
        fingerprints.DECISIONS,
        sorted(
            [key, o.id, o.name, sorted(o.default_roles), o.synchronized, list(o.servers)]
            for key, o in house.orgs.items()
        ),
        sorted(house.roles.items()),
        sorted(house.admin_roles),
        sorted(house.powerful_roles),
        sorted([pk, sorted(names)] for pk, names in house.grantable.items()),
        house.reactivate_set_by_person,
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def look(org_ids: Collection[int], *, house: str, whole: Collection[int]) -> Standings:
    """Return how the users of these orgs stand; of those in ``whole``, orgs whose servers were all read, nothing new is nothing to do."""
    columns = {f"standing__{name}": F(name) for name in SAME}
    on_hold = User.objects.on_legal_hold().values("pk")
    same = Q(standing__house=house, org__in=whole, pending=False, managed_locally=False, **columns) & ~Q(pk__in=on_hold)
    same &= Q(**{f"match__{name}": F(f"standing__{name}") for name in MATCHED})
    users = User.objects.filter(org__in=org_ids).order_by()
    # In one statement, so that everybody is in it once.
    users = users.annotate(undecided=Case(When(same, then=Value(None)), default=F("pk")))
    counted = users.values_list("undecided", "org_id", "standing__server", "active").annotate(Count("pk"))
    unchanged: Counter[tuple[int, int, bool]] = Counter()
    undecided = array("q")
    for pk, org, server, active, count in counted.order_by("undecided").iterator(chunk_size=PAGE):
        if pk is None:
            unchanged[org, server, active] = count
        else:
            undecided.append(pk)
    return Standings(unchanged, undecided)


def note(decided: Iterable[tuple[Change, StoredUser, LookupResult]], *, house: str) -> None:
    """Remember those for whom there was nothing to do and nothing to say, as they were when that was decided."""
    new: list[tuple[Any, ...]] = [
        (known.id, house, lookup_result.server_id, *_matched(lookup_result), *_values(known, known.account))
        for change, known, lookup_result in decided
        if _stands(change, known, lookup_result)
    ]
    drop([row[0] for row in new])
    insert_rows(Standing, COLUMNS, new)


def _stands(change: Change, known: StoredUser, lookup_result: LookupResult) -> bool:
    """Return whether the same would be decided again; whoever was not found or is on hold is looked at each time.

    Whoever is matched by another entry than noted stands as decided once that one is noted: with no warning, it is the
    first one, or one of the same immutable id.
    """
    silent = change.outcome is Outcome.UNCHANGED and not change.warnings and not known.managed_locally
    found = lookup_result.presence is Presence.FOUND
    return silent and found and not known.on_hold and not known.account.pending


def _matched(lookup_result: LookupResult) -> tuple[str, str]:
    return (lookup_result.identity.dn, lookup_result.identity.unique_id) if lookup_result.identity else ("", "")


def _values(known: StoredUser, account: Account) -> tuple[object, ...]:
    set_by = {True: SetBy.SYNC.value, False: SetBy.PERSON.value}
    return (
        account.username,
        account.email,
        account.first_name,
        account.last_name,
        account.org_id,
        account.active,
        account.blocked,
        SetBy.NOBODY.value if account.active else set_by[known.deactivated_by_sync],
        set_by[known.blocked_by_sync] if account.blocked else SetBy.NOBODY.value,
        known.session_epoch,
    )


def drop(user_ids: Collection[int]) -> None:
    """Drop the cached decisions of these users, whose entries have changed, so that the next run decides again."""
    ids = sorted(user_ids)
    for start in range(0, len(ids), PAGE):
        Standing.objects.filter(user__among=ids[start : start + PAGE]).delete()
