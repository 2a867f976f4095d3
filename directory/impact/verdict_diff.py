"""What another verdict on the same entry means for its user, and how much that adds up to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from directory.sync.plan.rules import decision_table
from directory.sync.stored.plan_counts import counts_of
from directory.values.plan import Change, LookupResult, PlanContext, StoredUser
from directory.values.run_counts import USERS
from directory.values.scripts import ScriptName, Scripts, Verdict


def edited_scripts(saved: Scripts, edited: Scripts) -> tuple[Scripts, frozenset[ScriptName]]:
    """Return the scripts that are not as they are saved, the others empty, and which these are."""
    changed = {name for name in ScriptName if _source(saved, name) != _source(edited, name)}
    active, org_name, role_name = (_source(edited, name) if name in changed else "" for name in ScriptName)
    return Scripts(active, org_name, role_name), frozenset(changed)


def _source(scripts: Scripts, name: ScriptName) -> str:
    match name:
        case ScriptName.ACTIVE:
            return scripts.active
        case ScriptName.ORG_NAME:
            return scripts.org_name
        case ScriptName.ROLE_NAME:
            return scripts.role_name


def joined(stored: Verdict, fresh: Verdict, edited: Collection[ScriptName]) -> Verdict | None:
    """Return the verdict of all scripts from the ``stored`` one and the ``fresh`` one of the edited scripts alone.

    None where the other scripts have to run: they did not when the verdict was stored, or one of them failed.
    """
    if stored.error is not None:
        return None
    if not stored.active and ScriptName.ACTIVE not in edited:
        return stored
    if fresh.error is not None or not fresh.active:
        return fresh
    if not stored.active:
        return None
    return replace(
        fresh,
        org_name=fresh.org_name if ScriptName.ORG_NAME in edited else stored.org_name,
        roles=fresh.roles if ScriptName.ROLE_NAME in edited else stored.roles,
    )


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
