"""A rule about the database, and the report of a row that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

# A check yields a sentence for each broken row; it only reads.
Check = Callable[[datetime], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that holds for every database of Rollcall; ``todo`` is what to do when it is broken."""

    id: str
    title: str
    check: Check
    todo: str


@dataclass(frozen=True, slots=True)
class Broken:
    """One row that breaks a rule: the rule's id, what is wrong with which row, and what to do."""

    rule: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"
