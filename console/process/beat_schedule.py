"""The schedule of Celery's beat, in memory: nothing on the disk that somebody else could have written is read."""

from __future__ import annotations

from datetime import timedelta

from celery.beat import Scheduler

_LONG_AGO = timedelta(days=365)


class Clock(Scheduler):
    """Sends every task as it starts, since the last time is not stored, and at each task's interval from then on.

    Each task looks at the database for what is due, so that one ring too many does nothing.
    """

    def setup_schedule(self) -> None:
        """Take the schedule from the settings."""
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - _LONG_AGO
