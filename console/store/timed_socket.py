"""A connection that ends when its client is silent or too slow, so that no client keeps a thread for long."""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Self

# Seconds for which a client may be silent in mid-request: a laptop that fell asleep frees its thread.
SILENT_SECONDS = 20
# What has to come or go in so many seconds of waiting for the client: less than the slowest line has.
LEAST_BYTES = 16 * 1024
# The most that goes out between two looks at the clock.
_PIECE = 256 * 1024


class ClientTooSlow(ConnectionResetError):
    """The client is silent, or sends or takes next to nothing; to gunicorn it has hung up."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client was silent or too slow")


class TimedSocket(socket.socket):
    """A connection of a client; only the time in which it waits for the client counts.

    ``on_progress`` is called after each piece, and may raise to end the request.
    """

    __slots__ = ("_moved", "_waited", "on_progress")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._waited, self._moved = 0.0, 0
        self.on_progress: Callable[[], None] | None = None

    @classmethod
    def of(cls, connection: socket.socket) -> Self:
        """Return a plain connection as one of this kind; the plain one is used up."""
        timed = cls(connection.family, connection.type, connection.proto, fileno=connection.detach())
        limit = struct.pack("ll", SILENT_SECONDS, 0)
        # Limits of the kernel: gunicorn sets none, and calls that would each have a time-out cost a poll more.
        timed.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        timed.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        return timed

    def begin(self, on_progress: Callable[[], None] | None = None) -> None:
        """Begin to count anew, for another request."""
        self._waited, self._moved, self.on_progress = 0.0, 0, on_progress

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive what has come.

        Raises:
            ClientTooSlow: when next to nothing comes.
        """
        began = time.monotonic()
        try:
            data = super().recv(bufsize, flags)
        except BlockingIOError as error:
            raise self._silence() from error
        self._note(len(data), began)
        return data

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all of it, in pieces.

        Raises:
            ClientTooSlow: when the client takes next to nothing.
        """
        rest = memoryview(data)
        while rest:
            began = time.monotonic()
            try:
                count = super().send(rest[:_PIECE], flags)
            except BlockingIOError as error:
                raise self._silence() from error
            self._note(count, began)
            rest = rest[count:]

    def _silence(self) -> BlockingIOError | ClientTooSlow:
        """Return what the end of a wait means: a socket that does not wait only has nothing to give."""
        return ClientTooSlow() if self.getblocking() else BlockingIOError(errno.EAGAIN, "nothing there")

    def _note(self, count: int, began: float) -> None:
        self._waited += time.monotonic() - began
        self._moved += count
        if self._waited >= SILENT_SECONDS:
            if self._moved < LEAST_BYTES:
                raise ClientTooSlow
            self._waited, self._moved = 0.0, 0
        if self.on_progress is not None:
            self.on_progress()
