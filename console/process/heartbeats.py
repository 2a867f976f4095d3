"""Stores a heartbeat of each worker and each clock, at its start and every ten seconds.

The main process of a worker does it, because tasks do not keep it busy.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import current_app
from celery.signals import after_task_publish, beat_init, heartbeat_sent, worker_shutdown
from django.db import Error, connection
from django.utils import timezone

from directory.models.heartbeats import Part
from directory.scheduling import heartbeats

log = logging.getLogger("rollcall.processes")


class Pulse:
    """Limits how often a heartbeat is stored."""

    def __init__(self) -> None:
        self._next = 0.0

    def due(self) -> bool:
        """Return whether a heartbeat is due; if so, start the next interval."""
        if time.monotonic() < self._next:
            return False
        # A little less than the interval, so that a clock that calls every ten seconds is not a moment too early.
        self._next = time.monotonic() + heartbeats.EVERY.total_seconds() - 1
        return True


pulse = Pulse()


@heartbeat_sent.connect
def worker_lives(**_: object) -> None:
    """Store the heartbeat of a worker; Celery sends this signal only while the worker is connected to the broker."""
    if pulse.due():
        _note(Part.WORKER, queues=sorted(current_app.amqp.queues.consume_from))


@worker_shutdown.connect
def worker_leaves(**_: object) -> None:
    """Remove the heartbeat of a worker that ends."""
    with _written(Part.WORKER):
        heartbeats.forget(part=Part.WORKER, host=socket.gethostname(), pid=os.getpid())


@beat_init.connect
def clock_starts(**_: object) -> None:
    """Mark this process as a clock, and store its heartbeat: other processes send tasks too."""
    after_task_publish.connect(clock_rings)


def clock_rings(**_: object) -> None:
    """Store the heartbeat of a clock that has just sent a task."""
    if pulse.due():
        _note(Part.CLOCK, queues=[])


def _note(part: Part, *, queues: list[str]) -> None:
    with _written(part):
        heartbeats.note(part=part, host=socket.gethostname(), pid=os.getpid(), at=timezone.now(), queues=queues)


@contextmanager
def _written(part: Part) -> Iterator[None]:
    try:
        yield
    except Error as error:
        log.warning("the heartbeat of this %s could not be written: %s", part.label, error)
    finally:
        # Close the connection: a worker forks, and no child may inherit it.
        connection.close()
