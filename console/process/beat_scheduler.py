"""Keeps the schedule of Celery's beat in memory, not in a file that somebody else could write."""

from __future__ import annotations

from datetime import timedelta

from celery.beat import Scheduler

_LONG_AGO = timedelta(days=365)


class Clock(Scheduler):
    """Sends every task at its start, and then at the task's interval; stores no times.

    An extra task is harmless: each task reads from the database what is due.
    """

    def setup_schedule(self) -> None:
        """Take the schedule from the settings."""
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - _LONG_AGO
