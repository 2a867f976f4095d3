"""Counts the changes of a plan, per org and per LDAP server. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from directory.values.plan import Account, Action, Cause, Change, DecidedUser, Outcome
from directory.values.run_counts import USERS, WARNINGS, counted_as, filled
from directory.values.server_limits import Counted
from orgs.text import fold

# The actions that count against limits; changes with a cause count besides.
_OF_ACTIVE_USERS = {
    Action.MOVE: Counted.MOVES,
    Action.SET_ROLES: Counted.ROLE_CHANGES,
    Action.RENAME: Counted.RENAMES,
}
_LEAVING = {
    Cause.ABSENT: (Counted.ABSENT, Counted.ORG_ABSENT),
    Cause.SCRIPT: (Counted.INACTIVE, Counted.ORG_INACTIVE),
}


def counts_of(outcome: str, actions: Iterable[str], warnings: int, *, undone: bool = False) -> Counter[str]:
    """Return what one user adds to the counts; an ``undone`` change was not applied, so its actions do not count."""
    counts = Counter(counted_as(outcome, () if undone else tuple(actions)))
    counts[WARNINGS.key] = warnings
    return counts


def _replaces_names(before: Account, after: Account) -> bool:
    """Return whether a name or an address is replaced; filling an empty one, or another letter case, does not count."""
    pairs = (
        (before.email, after.email),
        (before.first_name, after.first_name),
        (before.last_name, after.last_name),
    )
    return any(old and old != new and fold(old) != fold(new) for old, new in pairs)


def counted_for_limits(change: Change, admin_roles: frozenset[str]) -> Iterator[str]:
    """Yield the keys under which a change with actions counts against limits; ``admin_roles`` hold admin."""
    before, after, actions = change.before, change.after, change.actions
    if before.active:
        # Limits are shares of the active users, so a user who comes back does not count as moved or re-roled.
        for action in actions:
            if action in _OF_ACTIVE_USERS:
                yield _OF_ACTIVE_USERS[action]
        if Action.PROFILE in actions and _replaces_names(before, after):
            yield Counted.PROFILE_CHANGES
        if Action.SET_ROLES in actions:
            for role in before.roles - after.roles:
                yield Counted.ROLE_LOSSES.of(role)
    if Action.REACTIVATE in actions or Action.UNBLOCK in actions:
        yield Counted.REACTIVATIONS
    if after.roles is not before.roles and not admin_roles.isdisjoint(after.roles - before.roles):
        yield Counted.ADMIN_GRANTS
    if change.cause is not Cause.NONE:
        counted, in_one_org = _LEAVING[change.cause]
        yield counted
        yield in_one_org.of(before.org_id)


@dataclass(slots=True)
class ServerCounts:
    """The counts of one LDAP server's users, for its limits; their keys are those of ``counted_for_limits``."""

    active: int = 0
    evaluated: int = 0
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class PlanCounts:
    """The counts of a whole plan while it is made; ``unchecked`` are numbers of users by (LDAP server, reason).

    ``deleted`` is the number of users whom an undo can't put back because they are deleted; they belong to no org.
    """

    admin_roles: frozenset[str]
    orgs: dict[int, Counter[str]] = field(default_factory=dict)
    servers: dict[int, ServerCounts] = field(default_factory=dict)
    active_by_org: Counter[int] = field(default_factory=Counter)
    unknown_orgs: Counter[str] = field(default_factory=Counter)
    unchecked: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting: int = 0
    deleted: int = 0

    @classmethod
    def of_nobody(cls, admin_roles: frozenset[str], org_ids: Iterable[int] = ()) -> Self:
        """Return empty counts that list these orgs."""
        return cls(admin_roles, orgs={pk: Counter() for pk in org_ids})

    @property
    def users(self) -> int:
        """The number of all users."""
        return self.deleted + sum(counts["users"] for counts in self.orgs.values())

    def add_user(self, decided: DecidedUser) -> None:
        """Count the decision about one user, for the server of the lookup result."""
        change, lookup = decided.change, decided.lookup
        self.add(change, server=lookup.server_id, evaluated=lookup.verdict is not None, lost_id=lookup.lost_id)
        if change.outcome is Outcome.NOT_CHECKED:
            self.unchecked[lookup.unchecked or (lookup.server, lookup.reason)] += 1

    def add(self, change: Change, *, server: int, evaluated: bool, lost_id: bool = False) -> None:
        """Count one user; ``server`` is the id of the server that the decision counts for.

        ``lost_id``: the entry with the user's username has none of the known immutable ids.
        """
        org_id = change.before.org_id
        counts = self.orgs.setdefault(org_id, Counter())
        counts[USERS.key] += 1
        if change.outcome is not Outcome.UNCHANGED or change.warnings:
            for key in counted_as(change.outcome, change.actions):
                counts[key] += 1
            counts[WARNINGS.key] += len(change.warnings)
        self.waiting += change.outcome is Outcome.WAITING
        if change.unknown_org:
            self.unknown_orgs[change.unknown_org] += 1
        server_counts = self.servers.setdefault(server, ServerCounts())
        if lost_id and change.before.active:
            server_counts.counts[Counted.LOST_IDS] += 1
        self._add_to_server(server_counts, change, evaluated=evaluated)

    def add_unchanged(self, counts: Mapping[tuple[int, int, bool], int]) -> None:
        """Count users whose cached decision holds, by (org id, server id, whether active)."""
        for (org_id, server, active), count in counts.items():
            self.orgs.setdefault(org_id, Counter())[USERS.key] += count
            server_counts = self.servers.setdefault(server, ServerCounts())
            server_counts.evaluated += count
            if active:
                server_counts.active += count
                self.active_by_org[org_id] += count

    def _add_to_server(self, server_counts: ServerCounts, change: Change, *, evaluated: bool) -> None:
        if change.before.active:
            server_counts.active += 1
            self.active_by_org[change.before.org_id] += 1
        server_counts.evaluated += evaluated
        if change.outcome is Outcome.SCRIPT_ERROR:
            server_counts.counts[Counted.SCRIPT_ERRORS] += 1
        elif change.actions:
            for key in counted_for_limits(change, self.admin_roles):
                server_counts.counts[key] += 1

    def totals(self) -> dict[str, int]:
        """Return the counts over all orgs."""
        total: Counter[str] = Counter()
        for counts in self.orgs.values():
            total.update(counts)
        return filled({**total, "users": self.users})

    def by_org(self, names: Mapping[int, str]) -> list[dict[str, Any]]:
        """Return the counts of each org in ``names``, as JSON for a run's row."""
        return [{"id": pk, "name": names[pk], **filled(counts)} for pk, counts in self.orgs.items() if pk in names]
