"""Browsers that are slow, silent or hostile: many sockets that ask a web server for as long as they can."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

KINDS = ("half-sent headers", "half-sent body", "silent", "reading slowly")
_LARGE = "/static/vendor/tabler/tabler.min.css"


@dataclass(slots=True)
class Slow:
    """One connection of one kind."""

    kind: str
    socket: socket.socket

    def begin(self) -> None:
        """Send what it begins with."""
        if self.kind == "half-sent headers":
            self.socket.sendall(b"GET /sign-in/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        elif self.kind == "half-sent body":
            self.socket.sendall(
                b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\nusername="
            )
        elif self.kind == "reading slowly":
            self.socket.sendall(f"GET {_LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def go_on(self) -> None:
        """Send or read one byte more."""
        if self.kind in {"half-sent headers", "half-sent body"}:
            self.socket.sendall(b"x")
        elif self.kind == "reading slowly":
            self.socket.recv(1)


@dataclass(slots=True)
class Crowd:
    """All of them, and how many the server has hung up on."""

    connections: list[Slow]
    over: threading.Event = field(default_factory=threading.Event)

    def keep_on(self) -> None:
        """Let each go on once a second until it is over; whoever is hung up on comes no more."""
        while not self.over.wait(1):
            for each in self.connections:
                if each.socket.fileno() >= 0:
                    try:
                        each.go_on()
                    except BlockingIOError:
                        continue
                    except OSError:
                        each.socket.close()

    def open(self) -> int:
        """Return how many are still connected."""
        return sum(not _hung_up(each.socket) for each in self.connections)


def _hung_up(connection: socket.socket) -> bool:
    if connection.fileno() < 0:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        if not selector.select(0):
            return False
    with suppress(BlockingIOError):
        try:
            return connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True
    return False


@contextmanager
def crowd(port: int, count: int, *, host: str = "127.0.0.1") -> Iterator[Crowd]:
    """Open so many connections, as many of each kind, and keep them at it."""
    connections = []
    for number in range(count):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        connection = socket.socket(family)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect((host, port))
        each = Slow(KINDS[number % len(KINDS)], connection)
        each.begin()
        connection.setblocking(False)
        connections.append(each)
    found = Crowd(connections)
    thread = threading.Thread(target=found.keep_on)
    thread.start()
    try:
        yield found
    finally:
        found.over.set()
        thread.join()
        for each in connections:
            each.socket.close()


def seconds_of(url_port: int, path: str, *, host: str = "127.0.0.1") -> float:
    """Return how long an ordinary browser waits for a page."""
    began = time.monotonic()
    with socket.create_connection((host, url_port), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert b" 200 " in answer.split(b"\r\n")[0], answer[:200]
    return time.monotonic() - began
