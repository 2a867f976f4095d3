"""Caches decisions of “no change”: the next run skips these users as long as everything they depend on is the same."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, Q, Value, When

from directory import digests
from directory.models import CachedDecision
from directory.sync import rule_fingerprints
from directory.values.plan import Account, Change, DecidedUser, LookupResult, Outcome, PlanContext, Presence, StoredUser
from orgs.bulk_writes import insert_rows
from orgs.models import SetBy, User

PAGE = 5000
# The columns of a user that have to be unchanged.
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
# The columns of the user's match that have to be unchanged; they are stored as they will be once the plan is applied.
MATCHED = ("server", "dn", "unique_id")
COLUMNS = ("user", "context_hash", *MATCHED, *SAME)


@dataclass(frozen=True, slots=True)
class UserSplit:
    """The users in scope: those whose cached decision holds, as counts, and those to decide again, as ids.

    ``unchanged`` counts by (org id, server id, whether active); ``undecided`` are in the order of their ids.
    """

    unchanged: Counter[tuple[int, int, bool]]
    undecided: Sequence[int]


def hash_context(context: PlanContext) -> str:
    """Return one hash of all that decisions depend on, beside users and entries; it covers the source of the rules."""
    digest_input = [
        rule_fingerprints.DECISIONS,
        sorted(
            [key, o.id, o.name, sorted(o.default_roles), o.synchronized, list(o.servers)]
            for key, o in context.orgs.items()
        ),
        sorted(context.roles.items()),
        sorted(context.admin_roles),
        sorted(context.powerful_roles),
        sorted([pk, sorted(names)] for pk, names in context.grantable.items()),
        context.reactivate_set_by_person,
    ]
    return digests.of_json(digest_input)


def split_users(org_ids: Collection[int], *, context_hash: str, fully_read: Collection[int]) -> UserSplit:
    """Split the users of these orgs into those whose cached decision still holds and those to decide again.

    Only the orgs in ``fully_read`` use the cache: all their servers were read to their end.
    """
    columns = {f"cached_decision__{name}": F(name) for name in SAME}
    on_hold = User.objects.on_legal_hold().values("pk")
    same = Q(cached_decision__context_hash=context_hash, org__in=fully_read, pending=False, managed_locally=False)
    same &= Q(**columns) & ~Q(pk__in=on_hold)
    same &= Q(**{f"match__{name}": F(f"cached_decision__{name}") for name in MATCHED})
    users = User.objects.filter(org__in=org_ids).order_by()
    # One statement is one snapshot, so that each user is counted once.
    users = users.annotate(undecided=Case(When(same, then=Value(None)), default=F("pk")))
    counted = users.values_list("undecided", "org_id", "cached_decision__server", "active").annotate(Count("pk"))
    unchanged: Counter[tuple[int, int, bool]] = Counter()
    undecided = array("q")
    for pk, org, server, active, count in counted.order_by("undecided").iterator(chunk_size=PAGE):
        if pk is None:
            unchanged[org, server, active] = count
        else:
            undecided.append(pk)
    return UserSplit(unchanged, undecided)


def note(decided: Iterable[DecidedUser], *, context_hash: str) -> None:
    """Store the decisions of “no change” without a warning, with the user's columns at that time."""
    cacheable = [each for each in decided if _can_be_cached(each.change, each.user, each.lookup)]
    drop([each.user.id for each in cacheable])
    insert_rows(CachedDecision, COLUMNS, [_row(user, lookup, context_hash) for _, user, lookup, _ in cacheable])


def _row(user: StoredUser, lookup: LookupResult, context_hash: str) -> tuple[Any, ...]:
    return (user.id, context_hash, lookup.server_id, *_matched(lookup), *_values(user, user.account))


def _can_be_cached(change: Change, user: StoredUser, lookup_result: LookupResult) -> bool:
    """Return whether the next run would decide the same. Users who are not found or on legal hold are decided each time.

    A user whose entry is not the noted match counts, too: the row holds once that entry is noted. If there is no
    warning, the entry is the user's first, or has the same immutable id.
    """
    silent = change.outcome is Outcome.UNCHANGED and not change.warnings and not user.managed_locally
    found = lookup_result.presence is Presence.FOUND
    return silent and found and not user.on_hold and not user.account.pending


def _matched(lookup_result: LookupResult) -> tuple[str, str]:
    return (lookup_result.identity.dn, lookup_result.identity.unique_id) if lookup_result.identity else ("", "")


def _values(user: StoredUser, account: Account) -> tuple[object, ...]:
    set_by = {True: SetBy.SYNC.value, False: SetBy.PERSON.value}
    return (
        account.username,
        account.email,
        account.first_name,
        account.last_name,
        account.org_id,
        account.active,
        account.blocked,
        SetBy.NOBODY.value if account.active else set_by[user.deactivated_by_sync],
        set_by[user.blocked_by_sync] if account.blocked else SetBy.NOBODY.value,
        user.session_epoch,
    )


def drop(user_ids: Collection[int]) -> None:
    """Drop the cached decisions of these users, whose entries have changed: the next run decides again."""
    ids = sorted(user_ids)
    for start in range(0, len(ids), PAGE):
        CachedDecision.objects.filter(user__among=ids[start : start + PAGE]).delete()
