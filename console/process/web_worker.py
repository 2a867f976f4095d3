"""The web server's worker process: one thread reads and writes all connections, a few others answer whole requests.

So a browser that is slow, silent or hostile holds a socket, but none of the threads that make pages. gunicorn starts
the processes, watches over them and stops them; waitress reads requests and writes answers.
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

# gunicorn loads this before Django, so that nothing of Rollcall's is imported here; tests hold these to the originals.
HEALTH = frozenset({"/healthz", "/healthz/sync"})
# A little more than what an upload may be before it is refused politely.
LARGEST_BODY = 51 * 1024**2
# A request's headers have this long, and a body this long and one second more for each so many bytes that came, as in
# Apache's mod_reqtimeout. The same holds of reading an answer.
HEADERS_WITHIN = 20.0
BODY_WITHIN = 20.0
LEAST_RATE = 500.0
# How long a connection may be silent, new or between two requests.
IDLE = 15.0
# No answer takes longer, however steadily it is read.
LONGEST_ANSWER = 600.0
# Of all bodies that have not come whole, and of all answers that have not been read, in one process.
MOST_BUFFERED = 256 * 1024**2
_MUCH = 64 * 1024
# Of one answer: a thread that makes a longer one waits until the browser has read some.
_BUFFERED_BYTES = 2 * 1024**2
# Above this the connection that has been waiting longest is closed for a new one.
MOST_CONNECTIONS = 1500
_FILES = 4096


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection, with the times by which it may be slower than a browser may be."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.began = self.active_at = time.monotonic()
        self.got = self.sent_bytes = 0
        self.buffered_bytes = 0
        self.output_since = self.answer_since = 0.0
        super().__init__(*arguments, **options)

    def received(self, data: bytes) -> bool:
        """Take bytes of a request, or hang up where all requests together take too much memory."""
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
        """Send some of an answer, and count it."""
        count = int(super().send(*arguments, **options))
        self.sent_bytes += count
        self.active_at = time.monotonic()
        return count

    def service(self) -> None:
        """Answer a request, in a thread of its own."""
        self.answer_since = time.monotonic()
        super().service()
        self.answer_since, self.buffered_bytes = 0.0, 0

    def is_late(self, now: float) -> bool:
        """Return whether the browser has had more time than it gets."""
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
    """One listening socket; whether the console lives is answered by a thread that does nothing else."""

    channel_class = Channel

    def __init__(self, *arguments: Any, health: ThreadedTaskDispatcher, **options: Any) -> None:
        self._health = health
        super().__init__(*arguments, **options)

    def add_task(self, task: Channel) -> None:
        """Answer a request that has been received completely."""
        path = task.requests[0].path
        (self._health if path in HEALTH else self.task_dispatcher).add_task(task)

    def maintenance(self, now: float) -> None:  # noqa: ARG002  # waitress's time of day may be set back
        """Close the connections of browsers that take too long."""
        for channel in list(self.active_channels.values()):
            if channel.is_late(time.monotonic()):
                channel.will_close = True

    def handle_accept(self) -> None:
        """Take a new connection, in the place of the one that has been waiting longest where there are too many."""
        super().handle_accept()
        if len(self.active_channels) > MOST_CONNECTIONS:
            waiting = [each for each in self.active_channels.values() if not each.requests]
            if waiting:
                min(waiting, key=lambda each: each.active_at).handle_close()

    def buffered(self) -> int:
        """Return how many bytes of requests and answers wait in memory."""
        return sum(each.buffered_bytes + each.total_outbufs_len for each in list(self.active_channels.values()))

    def is_busy(self) -> bool:
        """Return whether anybody waits for an answer, or for the rest of one."""
        return any(each.requests or each.total_outbufs_len for each in list(self.active_channels.values()))


class Worker(GunicornWorker):  # type: ignore[misc]  # gunicorn has no types
    """A process of gunicorn's that serves with waitress."""

    def run(self) -> None:
        """Serve until a signal to stop, then until every request that has begun is answered."""
        # What waits for a thread is no news.
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
        """Begin to stop, at once."""
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
            # The socket itself is the master's.
            server.del_channel()
        ends = time.monotonic() + max(self.cfg.graceful_timeout - 1, 0)
        while time.monotonic() < ends and any(server.is_busy() for server in self._servers):
            self.notify()
            wasyncore.poll2(0.1, connections)


def _adjustments(threads: int) -> Adjustments:
    return Adjustments(
        threads=threads,
        # Looked after above.
        connection_limit=10 * MOST_CONNECTIONS,
        cleanup_interval=1,
        asyncore_use_poll=True,
        # No browser that hangs up is worth a line.
        log_socket_errors=False,
        recv_bytes=_MUCH,
        max_request_header_size=64 * 1024,
        max_request_body_size=LARGEST_BODY,
        # In memory, as bounded as it is above: no request fills the disk.
        inbuf_overflow=2 * LARGEST_BODY,
        outbuf_overflow=2 * _BUFFERED_BYTES,
        outbuf_high_watermark=_BUFFERED_BYTES,
        ident=None,
        # Who asked, and how, is for Django to say: it knows whether there is a proxy (BEHIND_PROXY).
        clear_untrusted_proxy_headers=False,
    )


def _allow_files() -> None:
    """Let this process have as many connections open as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
