"""Stores a heartbeat of the store's process every ten seconds, from a thread of its own."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connection
from django.utils import timezone

from directory.models.heartbeats import Part
from directory.scheduling import heartbeats

log = logging.getLogger("rollcall.store")


@contextmanager
def beating() -> Iterator[None]:
    """Store heartbeats while the block lasts, and remove the row at its end."""
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=[ended], daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2)


def _beat(ended: threading.Event) -> None:
    host, pid = socket.gethostname(), os.getpid()
    while True:
        try:
            if ended.is_set():
                heartbeats.forget(part=Part.STORE, host=host, pid=pid)
            else:
                heartbeats.note(part=Part.STORE, host=host, pid=pid, at=timezone.now())
        except Error as error:
            log.warning("the heartbeat of the store could not be written: %s", error)
        finally:
            connection.close()
        if ended.is_set():
            return
        ended.wait(heartbeats.EVERY.total_seconds())
