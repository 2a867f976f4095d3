"""Computes which LDAP servers are due for a sync by schedule. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# A run may wait for a worker and may take long: a server counts as late only after this.
GRACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Timetable:
    """One server's interval in hours (0: never) and the start of its last real run; None before the first."""

    server_id: int
    interval_hours: int
    last_run: datetime | None


def next_run(timetable: Timetable, *, since: datetime) -> datetime | None:
    """Return when the server is due, None for never; the interval counts from the last run, or from ``since`` if later."""
    if timetable.interval_hours == 0:
        return None
    start = max(timetable.last_run or since, since)
    return start + timedelta(hours=timetable.interval_hours)


def late(timetable: Timetable, *, last_success: datetime | None, since: datetime, now: datetime) -> bool:
    """Return whether a sync was due after the last success, and more than an hour has passed since then."""
    expected = next_run(replace(timetable, last_run=last_success), since=since)
    return expected is not None and expected + GRACE < now


def due(timetables: list[Timetable], *, since: datetime, now: datetime) -> list[int]:
    """Return the ids of the servers whose time has come."""
    next_runs = [(timetable.server_id, next_run(timetable, since=since)) for timetable in timetables]
    return [server_id for server_id, at in next_runs if at is not None and at <= now]
