"""The values of a status report: lines, their states, and sections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LineState(StrEnum):
    """The state of a line, in the order of importance."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Line:
    """One checked thing: its title, its state, the fact, and what to do when it is not ok.

    ``at`` is the time of the fact. ``about`` is the kind and id of an object that a page can link to.
    """

    title: str
    state: LineState
    fact: str
    advice: str = ""
    at: datetime | None = None
    about: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The lines about one part of Rollcall."""

    key: str
    title: str
    lines: tuple[Line, ...]

    @property
    def state(self) -> LineState:
        """The worst state of its lines."""
        return worst(line.state for line in self.lines)


def worst(states: Iterable[LineState]) -> LineState:
    """Return the most important state; ok when there are no states."""
    order = list(LineState)
    return max(states, key=order.index, default=LineState.OK)
