"""Which LDAP servers are due for a sync by schedule. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


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


def due(timetables: list[Timetable], *, since: datetime, now: datetime) -> list[int]:
    """Return the ids of the servers whose time has come."""
    times = [(timetable.server_id, next_run(timetable, since=since)) for timetable in timetables]
    return [server_id for server_id, at in times if at is not None and at <= now]
