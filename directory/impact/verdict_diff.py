"""What another verdict on the same entry means for its user, and how much that adds up to. Pure."""

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
    """Return the scripts that are not as they are saved, the others empty, and which these are."""
    changed = {script: source for script, source in edited.items() if source != saved[script]}
    return Scripts(**{script.key: source for script, source in changed.items()}), frozenset(changed)


def joined(stored: Verdict, fresh: Verdict, edited: Collection[Script[Any]]) -> Verdict | None:
    """Return the verdict of all scripts from the ``stored`` one and the ``fresh`` one of the edited scripts alone.

    None where the other scripts have to run: they did not when the verdict was stored, or one of them failed.
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
    """What a sync would make of one user by the stored verdict, and what by another one."""

    stored: Change
    edited: Change

    @property
    def matters(self) -> bool:
        """Whether the user would end otherwise, or be listed with something else."""
        return _end(self.stored) != _end(self.edited)


def _end(change: Change) -> tuple[object, ...]:
    return change.outcome, change.after, change.actions, change.warnings, change.unknown_org


def difference(user: StoredUser, lookup_result: LookupResult, verdict: Verdict, context: PlanContext) -> Difference:
    """Decide about a user twice; that a new username may be taken is no matter of verdicts and left out."""
    return Difference(
        decision_table.decide(user, lookup_result, context),
        decision_table.decide(user, replace(lookup_result, verdict=verdict), context),
    )


@dataclass(slots=True)
class Totals:
    """The counts over many differences, with the keys of a run's counts."""

    users: int = 0
    stored: Counter[str] = field(default_factory=Counter)
    edited: Counter[str] = field(default_factory=Counter)
    unknown_orgs: Counter[str] = field(default_factory=Counter)

    def add(self, differences: Iterable[Difference]) -> None:
        """Count these, too."""
        for each in differences:
            self.users += 1
            _count(self.stored, each.stored)
            _count(self.edited, each.edited)
            if each.edited.unknown_org:
                self.unknown_orgs[each.edited.unknown_org] += 1


def _count(counts: Counter[str], change: Change) -> None:
    counts[USERS.key] += 1
    counts.update(counts_of(change.outcome, change.actions, len(change.warnings)))
