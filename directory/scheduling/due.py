"""Which LDAP servers are due for a sync by schedule. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# A run may wait for its worker and take its time before its server counts as late.
GRACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Timetable:
    """One server's interval in hours (0: never) and when its last real run began; None before the first."""

    server_id: int
    interval_hours: int
    last_run: datetime | None


def next_run(timetable: Timetable, *, since: datetime) -> datetime | None:
    """Return when the server is due; before its first run the interval counts from ``since``. None: never."""
    if timetable.interval_hours == 0:
        return None
    start = max(timetable.last_run or since, since)
    return start + timedelta(hours=timetable.interval_hours)


def late(timetable: Timetable, *, last_success: datetime | None, since: datetime, now: datetime) -> bool:
    """Return whether the server should have been synchronized since its last success, and an hour more has passed."""
    expected = next_run(replace(timetable, last_run=last_success), since=since)
    return expected is not None and expected + GRACE < now


def due(timetables: list[Timetable], *, since: datetime, now: datetime) -> list[int]:
    """Return the ids of the servers whose time has come."""
    next_runs = [(timetable.server_id, next_run(timetable, since=since)) for timetable in timetables]
    return [server_id for server_id, at in next_runs if at is not None and at <= now]
