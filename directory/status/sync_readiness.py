"""Checks cheaply, for monitoring, whether all parts that a sync needs are ready: one word for each part."""

from __future__ import annotations

import shutil
import threading
import time
from datetime import datetime

from django.conf import settings
from django.db import Error

from directory.models import Heartbeat
from directory.models.heartbeats import Part
from directory.scheduling import queues
from directory.scheduling.heartbeats import ALIVE
from directory.status import broker, database, sandbox
from directory.status.lines import LineState
from orgs.models import Repository

OK = "ok"
# With less free space a run soon fails: database, log and broker all write.
LEAST_SPACE = 200 * 1024**2
# Seconds for which the result of one check serves all requests.
KEPT = 5.0

_lock = threading.Lock()
_kept: tuple[float, dict[str, str]] = (float("-inf"), {})


def parts(*, at: datetime) -> dict[str, str]:
    """Return a word for each part, ``ok`` for a ready one; check at most every few seconds."""
    global _kept  # noqa: PLW0603  # one result for all threads
    with _lock:
        if time.monotonic() - _kept[0] > KEPT:
            _kept = time.monotonic(), look(at=at)
        return _kept[1]


def look(*, at: datetime) -> dict[str, str]:
    """Check every part now."""
    return {
        "database": OK if database.answers() else "silent",
        "broker": _broker(),
        **_processes(at),
        "sandbox": OK if all(line.state != LineState.PROBLEM for line in sandbox.look()) else "missing",
        "disk": OK if shutil.disk_usage(settings.VAR).free >= LEAST_SPACE else "full",
    }


def _broker() -> str:
    answer = broker.query(queues.names())
    if answer.problem:
        return "silent"
    return OK if all(line.state != LineState.PROBLEM for line in broker.look(answer)) else "full"


def _processes(at: datetime) -> dict[str, str]:
    try:
        living = list(Heartbeat.objects.filter(last_beat_at__gt=at - ALIVE))
        # What a sync decides reaches devices by the store; nobody needs it while no device backs up.
        store = any(beat.part == Part.STORE for beat in living) or not Repository.objects.exists()
    except Error:
        return {"worker": "unknown", "clock": "unknown", "store": "unknown"}
    worker = any(beat.part == Part.WORKER and "sync" in beat.queues for beat in living)
    clock = any(beat.part == Part.CLOCK for beat in living)
    ready = {"worker": worker, "clock": clock, "store": store}
    return {name: OK if is_ready else "silent" for name, is_ready in ready.items()}
