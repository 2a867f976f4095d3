"""What a look at one part of Rollcall found, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LineState(StrEnum):
    """How something is; the members are in the order of how much they matter."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at: what it is, how it is, the fact, and what to do where it is not ok.

    ``at`` is when the fact came to be. ``about`` names the kind and id of what a page can lead to.
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
    """Return the state that matters most; ok where there is none."""
    order = list(LineState)
    return max(states, key=order.index, default=LineState.OK)
