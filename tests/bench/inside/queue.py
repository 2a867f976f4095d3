"""Queues a run for the Celery workers and waits until one of them has carried it out."""

from __future__ import annotations

import time
from typing import Any

from django.utils import timezone

from directory.actions import run_start_and_cancel
from directory.models import Run, Trigger
from directory.scheduling import heartbeats, queues
from directory.sync.finish import json_summary
from orgs.rules.actors import COMMAND_LINE

TIMEOUT = 1800.0
# Asking costs a core half a millisecond, and who asks every few would be a third one at work on two cores.
POLLS_EVERY = 0.1


def main(workers: str) -> dict[str, Any]:
    """Return what the run came to, with the seconds from the queue to its end, once so many workers are known to live."""
    ends = time.perf_counter() + TIMEOUT
    # Whoever starts runs all day has loaded Celery.
    assert "sync" in queues.names()
    while heartbeats.workers_alive(queue="sync", at=timezone.now()) < int(workers):
        assert time.perf_counter() < ends, "not all workers have been heard of"
        time.sleep(0.02)
    started = time.perf_counter()
    run = run_start_and_cancel.start(
        servers=[], simulated=False, trigger=Trigger.COMMAND, by=COMMAND_LINE, at=timezone.now()
    )
    while Run.objects.live().filter(pk=run.pk).exists():
        assert time.perf_counter() - started < TIMEOUT, "no worker carried the run out"
        time.sleep(POLLS_EVERY)
    seconds = time.perf_counter() - started
    run.refresh_from_db()
    return json_summary.summary(run, at=timezone.now()) | {"seconds": seconds}
