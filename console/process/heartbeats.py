"""Has each worker and each clock note that it lives, as soon as it does and every ten seconds.

From the process that no task keeps busy.
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
    """Lets a heartbeat through every so often, however often it is called."""

    def __init__(self) -> None:
        self._next = 0.0

    def due(self) -> bool:
        """Return whether it is time again, and count from now."""
        if time.monotonic() < self._next:
            return False
        # A little less: a clock that rings every ten seconds must not miss its turn by a hair.
        self._next = time.monotonic() + heartbeats.EVERY.total_seconds() - 1
        return True


pulse = Pulse()


@heartbeat_sent.connect
def worker_lives(**_: object) -> None:
    """Note a worker, which sends its heartbeat only while it is connected to the broker."""
    if pulse.due():
        _note(Part.WORKER, queues=sorted(current_app.amqp.queues.consume_from))


@worker_shutdown.connect
def worker_leaves(**_: object) -> None:
    """Take the note of a worker away that has put its work down and ends."""
    with _written(Part.WORKER):
        heartbeats.forget(part=Part.WORKER, host=socket.gethostname(), pid=os.getpid())


@beat_init.connect
def clock_starts(**_: object) -> None:
    """Note this process as a clock with what it sends; other processes send tasks too."""
    after_task_publish.connect(clock_rings)


def clock_rings(**_: object) -> None:
    """Note a clock that has just rung for something."""
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
        # A worker forks: no child may inherit an open connection.
        connection.close()
