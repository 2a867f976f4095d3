"""The store's worker process: gunicorn's threads, with limits for silent and slow clients, and a heartbeat."""

from __future__ import annotations

import socket
from concurrent.futures import Future
from typing import Any

from gunicorn import util
from gunicorn.workers import gthread

from console.store.timed_socket import TimedSocket

# gunicorn loads this module before Django, so it imports nothing of Django at its top.


class StoreConnection(gthread.TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection with time limits."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, TimedSocket.of(sock), client, server)


# gunicorn makes its connections by this name, and has no setting for it.
gthread.TConn = StoreConnection


class StoreWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker process of gunicorn for the store."""

    def run(self) -> None:
        """Answer requests until a signal to stop, and store a heartbeat meanwhile."""
        from console.store import heartbeat  # noqa: PLC0415  # Django is ready only now

        with heartbeat.beating():
            super().run()

    def handle(self, conn: Any) -> Any:
        """Handle a request in a thread, and end the connection in it, too, where it ends.

        gunicorn ends it in the main thread, and waits there for up to two seconds until the client has hung up: thirty
        clients that do not would stop all others, and the sign of life for which the parent process kills its worker.
        """
        conn.sock.begin()
        result = super().handle(conn)
        if result is False:
            _hang_up(conn.sock)
        return result

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Count a connection that has ended; leave all others to gunicorn."""
        if not fs.cancelled() and fs.exception() is None and fs.result() is False:
            self.nr_conns -= 1
            return
        super().finish_request(conn, fs)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.settimeout(None)
    except OSError:
        # Closed already.
        return
    util.close_graceful(connection)
