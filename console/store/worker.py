"""The store's worker process: gunicorn's threads, with time limits for silent clients, and a heartbeat."""

from __future__ import annotations

import socket
import struct
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# gunicorn loads this module before Django, so it imports nothing of Rollcall at its top.
# Seconds for which a client may be silent in mid-request: a laptop that fell asleep frees its thread.
SILENT_SECONDS = 60


class StoreWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker process of gunicorn for the store."""

    def init_process(self) -> None:
        """Give each connection time limits; it inherits them from the listening socket."""
        for listener in self.sockets:
            limit_silence(listener.sock if hasattr(listener, "sock") else listener)
        super().init_process()

    def run(self) -> None:
        """Answer requests until a signal to stop, and store a heartbeat meanwhile."""
        from console.store import heartbeat  # noqa: PLC0415  # Django is ready only now

        with heartbeat.beating():
            super().run()


def limit_silence(listener: Any) -> None:
    """Limit how long a read or a write on each accepted connection may wait; gunicorn itself sets no limit."""
    limit = struct.pack("ll", SILENT_SECONDS, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
