"""Presents the state of Rollcall: the page of it, and the alarms on every page for those who can repair it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from directory import status
from directory.status import Line, LineState, Section
from orgs.models import User
from orgs.permissions import Permission

_PAGES = {"run": "runs:detail", "server": "ldap_servers:edit"}


@dataclass(frozen=True, slots=True)
class Alarms:
    """What is wrong with Rollcall itself and quickly found; nothing for those who can't mend it."""

    lines: list[Line]

    @property
    def state(self) -> LineState:
        """The worst state of the lines."""
        return status.worst(line.state for line in self.lines)


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The sections with their lines, how many lines are in each state, and what the whole page warns of."""

    sections: list[Section]
    alarms: Alarms
    state: LineState
    problems: int
    warnings: int
    at: datetime


def status_page(*, at: datetime) -> StatusPage:
    """Look at everything."""
    sections = status.sections(at=at)
    states = [line.state for section in sections for line in section.lines]
    problems, warnings = states.count(LineState.PROBLEM), states.count(LineState.WARNING)
    return StatusPage(sections, Alarms(status.dangers()), status.worst(states), problems, warnings, at)


def alarms(viewer: User, *, at: datetime) -> Alarms:
    """Return what every page warns of."""
    return Alarms(status.alarms(at=at) if viewer.may(Permission.SYSTEM) else [])


def address_of(line: Line) -> str:
    """Return the page of what a line is about; empty where there is none."""
    if line.about is None:
        return ""
    kind, key = line.about
    return reverse(_PAGES[kind], args=[key])
