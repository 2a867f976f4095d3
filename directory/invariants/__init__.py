"""Checks the rules that hold for every database of Rollcall at any time; checking writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from directory.invariants.catalogue import RULES
from directory.invariants.rule import Broken, Rule
from directory.invariants.snapshot import one_snapshot

__all__ = ["RULES", "Broken", "Rule", "broken", "check", "one_snapshot"]

# The most rows that are reported for each rule.
MOST = 100


def broken(*, at: datetime, rules: Sequence[Rule] = RULES) -> list[Broken]:
    """Return all rows that break a rule, in the order of the rules, at most ``MOST`` for each rule."""
    with one_snapshot():
        return [found for rule in rules for found in check(rule, at=at)]


def check(rule: Rule, *, at: datetime) -> list[Broken]:
    """Return the rows that break one rule, at most ``MOST``."""
    return [Broken(rule.id, what, rule.todo) for what in islice(rule.check(at), MOST)]
