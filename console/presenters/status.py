"""Presents the state of Rollcall: the page Status, and the alarms on every page for administrators who can act."""

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
    """Problems of Rollcall itself that are quick to detect; empty for viewers who can't solve them."""

    lines: list[Line]

    @property
    def state(self) -> LineState:
        """The worst state of the lines."""
        return status.worst(line.state for line in self.lines)


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The sections with their lines, the number of lines in each state, and the warnings above them."""

    sections: list[Section]
    alarms: Alarms
    state: LineState
    problems: int
    warnings: int
    at: datetime


def status_page(*, at: datetime) -> StatusPage:
    """Return the state of every part."""
    sections = status.sections(at=at)
    states = [line.state for section in sections for line in section.lines]
    problems, warnings = states.count(LineState.PROBLEM), states.count(LineState.WARNING)
    return StatusPage(sections, Alarms(status.dangers()), status.worst(states), problems, warnings, at)


def alarms(viewer: User, *, at: datetime) -> Alarms:
    """Return the alarms that every page shows to this viewer."""
    return Alarms(status.alarms(at=at) if viewer.may(Permission.SYSTEM) else [])


def address_of(line: Line) -> str:
    """Return the address of the page about the subject of a line; empty if there is none."""
    if line.about is None:
        return ""
    kind, key = line.about
    return reverse(_PAGES[kind], args=[key])
