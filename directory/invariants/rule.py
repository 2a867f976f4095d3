"""A rule, and the report where one is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

# Each rule names the broken rows as sentences; it only reads.
Check = Callable[[datetime], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that holds for every database of Rollcall; ``todo`` is what to do where it does not."""

    id: str
    title: str
    check: Check
    todo: str


@dataclass(frozen=True, slots=True)
class Broken:
    """One row that breaks a rule: which rule, what is wrong with which row, and what to do."""

    rule: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"
