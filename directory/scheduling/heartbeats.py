"""Stores the heartbeats of Rollcall's processes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from directory.models import Heartbeat
from directory.models.heartbeats import Part

# A living process sends a heartbeat this often; a process without one for three of these intervals counts as dead.
EVERY = timedelta(seconds=10)
ALIVE = 3 * EVERY
# The last heartbeat of a dead process is shown for this long.
KEPT = timedelta(days=7)


def note(*, part: Part, host: str, pid: int, at: datetime, queues: Sequence[str] = ()) -> None:
    """Store a heartbeat: an update of the process's row; a new row removes old ones, so that the table does not grow."""
    mine = Heartbeat.objects.filter(part=part, host=host, pid=pid)
    if not mine.update(last_beat_at=at, queues=list(queues)):
        Heartbeat.objects.filter(last_beat_at__lt=at - KEPT).delete()
        Heartbeat.objects.create(part=part, host=host, pid=pid, queues=list(queues), last_beat_at=at)


def forget(*, part: Part, host: str, pid: int) -> None:
    """Remove the row of a process that ends in order, so that it counts as dead at once."""
    Heartbeat.objects.filter(part=part, host=host, pid=pid).delete()


def workers_alive(*, queue: str, at: datetime) -> int:
    """Return the number of living workers that take tasks from this queue."""
    queues_of_workers = Heartbeat.objects.filter(part=Part.WORKER, last_beat_at__gt=at - ALIVE).values_list(
        "queues", flat=True
    )
    return sum(queue in queues for queues in queues_of_workers)
