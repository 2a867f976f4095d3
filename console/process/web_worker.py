"""The web server's worker process: one thread reads and writes all connections, a few others answer complete requests.

A slow, silent or hostile browser occupies a socket, but no thread that makes pages. gunicorn starts, watches and stops
the processes; waitress reads requests and writes responses.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
from types import FrameType
from typing import Any

from gunicorn.workers.base import Worker as GunicornWorker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

# gunicorn loads this module before Django, so it imports nothing of Rollcall; tests compare these with the originals.
HEALTH = frozenset({"/healthz", "/healthz/sync"})
# A little more than the maximum size of an upload, so that Django can refuse larger ones with a page.
LARGEST_BODY = 51 * 1024**2
# The time limits for the headers and the body of a request. The body gets one second more for each LEAST_RATE bytes
# received, as in Apache's mod_reqtimeout. The limit of the body is also that for reading a response.
HEADERS_WITHIN = 20.0
BODY_WITHIN = 20.0
LEAST_RATE = 500.0
# How long a connection may be silent, at its start or between two requests.
IDLE = 15.0
# The time limit for one response, even if the browser reads it steadily.
LONGEST_ANSWER = 600.0
# The memory for all incomplete bodies and unread responses in one process.
MOST_BUFFERED = 256 * 1024**2
_MUCH = 64 * 1024
# The memory for one response: the thread that makes it waits until the browser has read a part.
_BUFFERED_BYTES = 2 * 1024**2
# Above this number, a new connection closes the one that has waited longest.
MOST_CONNECTIONS = 1500
_FILES = 4096


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection, with its time limits."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.began = self.active_at = time.monotonic()
        self.got = self.sent_bytes = 0
        self.buffered_bytes = 0
        self.output_since = self.answer_since = 0.0
        super().__init__(*arguments, **options)

    def received(self, data: bytes) -> bool:
        """Receive bytes of a request; close the connection if all requests together take too much memory."""
        self.active_at = time.monotonic()
        if self.request is None:
            self.began, self.got = self.active_at, 0
        self.got += len(data)
        self.buffered_bytes += len(data)
        if self.buffered_bytes > _MUCH and self.server.buffered() > MOST_BUFFERED:
            self.will_close = True
            return False
        return bool(super().received(data))

    def send(self, *arguments: Any, **options: Any) -> int:
        """Send a part of a response, and count its bytes."""
        count = int(super().send(*arguments, **options))
        self.sent_bytes += count
        self.active_at = time.monotonic()
        return count

    def service(self) -> None:
        """Answer a request; runs in a thread of the pool."""
        self.answer_since = time.monotonic()
        super().service()
        self.answer_since, self.buffered_bytes = 0.0, 0

    def is_late(self, now: float) -> bool:
        """Return whether the browser has passed a time limit."""
        if self.total_outbufs_len:
            if not self.output_since:
                self.output_since, self.sent_bytes = now, 0
            answering = now - self.answer_since if self.answer_since else 0.0
            return answering > LONGEST_ANSWER or now - self.output_since > BODY_WITHIN + self.sent_bytes / LEAST_RATE
        self.output_since = 0.0
        if self.requests:
            return False
        if self.request is None:
            return now - self.active_at > IDLE
        if not self.request.headers_finished:
            return now - self.began > HEADERS_WITHIN
        return now - self.began > BODY_WITHIN + self.got / LEAST_RATE


class Server(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """One listening socket; a separate thread answers health checks."""

    channel_class = Channel

    def __init__(self, *arguments: Any, health: ThreadedTaskDispatcher, **options: Any) -> None:
        self._health = health
        super().__init__(*arguments, **options)

    def add_task(self, task: Channel) -> None:
        """Queue a complete request for a thread."""
        path = task.requests[0].path
        (self._health if path in HEALTH else self.task_dispatcher).add_task(task)

    def maintenance(self, now: float) -> None:  # noqa: ARG002  # waitress passes the time of day, which may be set back
        """Close connections that have passed a time limit."""
        for channel in list(self.active_channels.values()):
            if channel.is_late(time.monotonic()):
                channel.will_close = True

    def handle_accept(self) -> None:
        """Accept a connection; if there are too many, close the one that has waited longest."""
        super().handle_accept()
        if len(self.active_channels) > MOST_CONNECTIONS:
            waiting = [channel for channel in self.active_channels.values() if not channel.requests]
            if waiting:
                min(waiting, key=lambda channel: channel.active_at).handle_close()

    def buffered(self) -> int:
        """Return the number of bytes of requests and responses in memory."""
        return sum(
            channel.buffered_bytes + channel.total_outbufs_len for channel in list(self.active_channels.values())
        )

    def is_busy(self) -> bool:
        """Return whether a browser waits for a response or its rest."""
        return any(channel.requests or channel.total_outbufs_len for channel in list(self.active_channels.values()))


class Worker(GunicornWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker process of gunicorn that serves with waitress."""

    def run(self) -> None:
        """Serve until a signal to stop; then finish all requests that have begun."""
        # Do not log that requests wait for a thread.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        _allow_files()
        connections: dict[int, Any] = {}
        pages, health = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
        pages.set_thread_count(self.cfg.threads)
        health.set_thread_count(1)
        self._servers = [self._server(each.sock, connections, pages, health) for each in self.sockets]
        while self.alive and self.ppid == os.getppid():
            self.notify()
            wasyncore.poll2(1.0, connections)
        self._finish(connections)
        for dispatcher in (pages, health):
            dispatcher.shutdown(timeout=1)
        sys.exit(0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop at once."""
        super().handle_exit(sig, frame)
        for server in getattr(self, "_servers", []):
            server.pull_trigger()

    def _server(
        self, sock: Any, connections: dict[int, Any], pages: ThreadedTaskDispatcher, health: ThreadedTaskDispatcher
    ) -> Server:
        sockinfo = (sock.family, sock.type, sock.proto, sock.getsockname())
        return Server(
            self.wsgi, connections, True, sock, dispatcher=pages, adj=_adjustments(self.cfg.threads),  # noqa: FBT003
            bind_socket=False, sockinfo=sockinfo, health=health,
        )  # fmt: skip

    def _finish(self, connections: dict[int, Any]) -> None:
        for server in self._servers:
            server.accepting = False
            # Do not close the listening socket: it belongs to gunicorn's master process.
            server.del_channel()
        ends = time.monotonic() + max(self.cfg.graceful_timeout - 1, 0)
        while time.monotonic() < ends and any(server.is_busy() for server in self._servers):
            self.notify()
            wasyncore.poll2(0.1, connections)


def _adjustments(threads: int) -> Adjustments:
    return Adjustments(
        threads=threads,
        # Our own limits above replace these.
        connection_limit=10 * MOST_CONNECTIONS,
        cleanup_interval=1,
        asyncore_use_poll=True,
        # Do not log browsers that close their connection.
        log_socket_errors=False,
        recv_bytes=_MUCH,
        max_request_header_size=64 * 1024,
        max_request_body_size=LARGEST_BODY,
        # Keep everything in memory, within the limits above, so that no request fills the disk.
        inbuf_overflow=2 * LARGEST_BODY,
        outbuf_overflow=2 * _BUFFERED_BYTES,
        outbuf_high_watermark=_BUFFERED_BYTES,
        ident=None,
        # Django finds the client's address and scheme: it has the setting for a proxy (BEHIND_PROXY).
        clear_untrusted_proxy_headers=False,
    )


def _allow_files() -> None:
    """Raise this process's limit of open files to the allowed maximum."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
