"""One row of the benchmark: a claim with its goal, what was measured, and whether the goal was held. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench.figures import short

COLUMNS = ("what", "against", "goal", "measured", "", "in figures")


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for one number and its unit; ``at_least`` is a floor, otherwise it is a ceiling."""

    bound: float
    unit: str = "×"
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.bound:g} {self.unit}".strip()

    def held_by(self, number: float) -> bool:
        """Return whether a number keeps to the bound."""
        return number >= self.bound if self.at_least else number <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One claim; ``details`` says in figures what the ratio comes from, ``missing`` why nothing was measured.

    ``samples`` are all single measurements by name, for whoever looks closer.
    """

    key: str
    what: str
    against: str
    goal: Goal | None
    measured: float | None = None
    details: str = ""
    missing: str = ""
    samples: dict[str, Any] = field(default_factory=dict)

    @property
    def held(self) -> bool | None:
        """Whether the goal was held; None where there is no goal or nothing was measured."""
        if self.goal is None or self.measured is None:
            return None
        return self.goal.held_by(self.measured)

    @property
    def verdict(self) -> str:
        """In one word."""
        return {True: "held", False: "**missed**", None: ""}[self.held]

    @property
    def shown(self) -> str:
        """The measured number, or why there is none."""
        if self.measured is None:
            return f"not measured: {self.missing}"
        unit = self.goal.unit if self.goal else ""
        return f"{short(self.measured)} {unit}".strip()

    def cells(self) -> tuple[str, ...]:
        """Return what stands in the table, column by column."""
        return (self.what, self.against, str(self.goal or "–"), self.shown, self.verdict, self.details)

    def as_json(self) -> dict[str, Any]:
        """Return the row for the file of results."""
        return asdict(self) | {"held": self.held}


def from_json(given: dict[str, Any]) -> Row:
    """Return a row from the file of results."""
    goal = Goal(**given["goal"]) if given["goal"] else None
    return Row(**{name: value for name, value in given.items() if name not in {"goal", "held"}}, goal=goal)


def not_measured(row: Row, why: str) -> Row:
    """Return the same claim without a number."""
    return Row(row.key, row.what, row.against, row.goal, missing=why)


def markdown(rows: Iterable[Row]) -> str:
    """Return rows as a table of Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(map(_cell, row.cells()))} |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
