"""What holds for every database of Rollcall, whatever has happened to it; looking writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from directory.invariants.catalogue import RULES
from directory.invariants.rule import Broken, Rule
from directory.invariants.snapshot import one_snapshot

__all__ = ["RULES", "Broken", "Rule", "broken", "check", "one_snapshot"]

# Of each rule; whoever has more has seen enough.
MOST = 100


def broken(*, at: datetime, rules: Sequence[Rule] = RULES) -> list[Broken]:
    """Return everything that breaks a rule, in the order of the rules; nothing when all is well."""
    with one_snapshot():
        return [found for rule in rules for found in check(rule, at=at)]


def check(rule: Rule, *, at: datetime) -> list[Broken]:
    """Return what breaks one rule."""
    return [Broken(rule.id, what, rule.todo) for what in islice(rule.check(at), MOST)]
