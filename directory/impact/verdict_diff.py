"""Decides what another verdict on the same entry changes for its user, and adds up such differences. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from directory.sync.plan.rules import decision_table
from directory.sync.stored.plan_counts import counts_of
from directory.values.plan import Change, LookupResult, PlanContext, StoredUser
from directory.values.run_counts import USERS
from directory.values.scripts import ACTIVE, Script, Scripts, Verdict


def edited_scripts(saved: Scripts, edited: Scripts) -> tuple[Scripts, frozenset[Script[Any]]]:
    """Return the sources that differ from the saved ones, with all others empty, and the set of these scripts."""
    changed = {script: source for script, source in edited.items() if source != saved[script]}
    return Scripts(**{script.key: source for script, source in changed.items()}), frozenset(changed)


def joined(stored: Verdict, fresh: Verdict, edited: Collection[Script[Any]]) -> Verdict | None:
    """Return the verdict of all scripts, joined from the ``stored`` one and the ``fresh`` one of only the edited scripts.

    None when the other scripts have to run: they did not run for the stored verdict, or one of them failed.
    """
    if stored.error is not None:
        return None
    if not stored.active and ACTIVE not in edited:
        return stored
    if fresh.error is not None or not fresh.active:
        return fresh
    if not stored.active:
        return None
    return stored.with_results(fresh, edited)


@dataclass(frozen=True, slots=True)
class Difference:
    """The changes of one user by the stored verdict and by another one."""

    stored: Change
    edited: Change

    @property
    def matters(self) -> bool:
        """Whether the user's outcome, account, actions, warnings or unknown org differ."""
        return _end(self.stored) != _end(self.edited)


def _end(change: Change) -> tuple[object, ...]:
    return change.outcome, change.after, change.actions, change.warnings, change.unknown_org


def difference(user: StoredUser, lookup_result: LookupResult, verdict: Verdict, context: PlanContext) -> Difference:
    """Decide about a user by both verdicts; whether a new username is taken does not depend on verdicts and is left out."""
    return Difference(
        decision_table.decide(user, lookup_result, context),
        decision_table.decide(user, replace(lookup_result, verdict=verdict), context),
    )


@dataclass(slots=True)
class Totals:
    """The counts of many differences, with the keys of a run's counts."""

    users: int = 0
    stored: Counter[str] = field(default_factory=Counter)
    edited: Counter[str] = field(default_factory=Counter)
    unknown_orgs: Counter[str] = field(default_factory=Counter)

    def add(self, differences: Iterable[Difference]) -> None:
        """Count these differences, too."""
        for each in differences:
            self.users += 1
            _count(self.stored, each.stored)
            _count(self.edited, each.edited)
            if each.edited.unknown_org:
                self.unknown_orgs[each.edited.unknown_org] += 1


def _count(counts: Counter[str], change: Change) -> None:
    counts[USERS.key] += 1
    counts.update(counts_of(change.outcome, change.actions, len(change.warnings)))
