"""Counts what a plan holds, per org and per LDAP server, in the words of the log lines. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from directory.sync.values import Action, Cause, Change, Outcome

# The keys of counts, in the order in which pages, mails and the command line show them.
COUNTED = (
    "users",
    "deactivated",
    "blocked",
    "activated",
    "moved",
    "rolesChanged",
    "renamed",
    "profileChanged",
    "scriptErrors",
    "notChecked",
    "conflicts",
    "warnings",
)
_BY_OUTCOME = {
    Outcome.SCRIPT_ERROR: "scriptErrors",
    Outcome.NOT_CHECKED: "notChecked",
    Outcome.CONFLICT: "conflicts",
}
_BY_ACTION = {
    Action.DEACTIVATE: "deactivated",
    Action.REACTIVATE: "activated",
    Action.MOVE: "moved",
    Action.SET_ROLES: "rolesChanged",
    Action.RENAME: "renamed",
    Action.PROFILE: "profileChanged",
}


def counts_of(outcome: str, actions: Iterable[str], warnings: int, *, undone: bool = False) -> Counter[str]:
    """Return what one user adds to the counts; ``undone`` changes (skipped while applying) add none of their actions."""
    counts: Counter[str] = Counter()
    if (key := _BY_OUTCOME.get(Outcome(outcome))) is not None:
        counts[key] = 1
    if not undone:
        named = set(actions)
        for action, key in _BY_ACTION.items():
            counts[key] += action in named
        # Blocked instead of deactivated, or only marked pending where a person had blocked them before.
        if named & {Action.BLOCK, Action.SET_PENDING} and Action.DEACTIVATE not in named:
            counts["blocked"] += 1
        if Action.UNBLOCK in named and Action.REACTIVATE not in named:
            counts["activated"] += 1
    counts["warnings"] = warnings
    return counts


def filled(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts with every key, in order."""
    return {key: counts.get(key, 0) for key in COUNTED}


@dataclass(slots=True)
class ServerTally:
    """What one LDAP server's users make up, for its limits."""

    active: int = 0
    evaluated: int = 0
    script_errors: int = 0
    moves: int = 0
    role_changes: int = 0
    admin_grants: int = 0
    leaving: Counter[Cause] = field(default_factory=Counter)


@dataclass(slots=True)
class Tally:
    """The counts of a whole plan, kept while it is made page by page."""

    admin_roles: frozenset[str]
    orgs: dict[int, Counter[str]] = field(default_factory=dict)
    servers: dict[int, ServerTally] = field(default_factory=dict)
    active_by_org: Counter[int] = field(default_factory=Counter)
    leaving_by_org: Counter[tuple[int, Cause]] = field(default_factory=Counter)
    unknown_orgs: Counter[str] = field(default_factory=Counter)
    waiting: int = 0

    def add(self, change: Change, *, server: int, evaluated: bool) -> None:
        """Count one user; ``server`` is the id of the one that answers for them."""
        org_id = change.before.org_id
        counts = self.orgs.setdefault(org_id, Counter())
        counts["users"] += 1
        if change.outcome is not Outcome.UNCHANGED or change.warnings:
            counts.update(counts_of(change.outcome, change.actions, len(change.warnings)))
        self.waiting += change.outcome is Outcome.WAITING
        if change.unknown_org:
            self.unknown_orgs[change.unknown_org] += 1
        self._add_to_server(self.servers.setdefault(server, ServerTally()), change, evaluated=evaluated)

    def add_unchanged(self, counts: Mapping[tuple[int, int, bool], int]) -> None:
        """Count users for whom there was nothing to do, by (org id, server id, whether active)."""
        for (org_id, server, active), count in counts.items():
            self.orgs.setdefault(org_id, Counter())["users"] += count
            tally = self.servers.setdefault(server, ServerTally())
            tally.evaluated += count
            if active:
                tally.active += count
                self.active_by_org[org_id] += count

    def _add_to_server(self, tally: ServerTally, change: Change, *, evaluated: bool) -> None:
        if change.before.active:
            tally.active += 1
            self.active_by_org[change.before.org_id] += 1
        tally.evaluated += evaluated
        tally.script_errors += change.outcome is Outcome.SCRIPT_ERROR
        # Shares are of the active users, so whoever comes back does not count among the moved and re-roled.
        tally.moves += Action.MOVE in change.actions and change.before.active
        tally.role_changes += Action.SET_ROLES in change.actions and change.before.active
        tally.admin_grants += bool((change.after.roles - change.before.roles) & self.admin_roles)
        if change.cause is not Cause.NONE:
            tally.leaving[change.cause] += 1
            self.leaving_by_org[change.before.org_id, change.cause] += 1

    def totals(self) -> dict[str, int]:
        """Return the counts over all orgs."""
        total: Counter[str] = Counter()
        for counts in self.orgs.values():
            total.update(counts)
        return filled(total)
