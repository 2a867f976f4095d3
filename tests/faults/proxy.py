"""A TCP proxy before a directory that does one thing wrong, at one stage of a reading."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

PAGED_RESULTS = b"1.2.840.113556.1.4.319"
BIND_DONE, SEARCH_REQUEST, ENTRY, SEARCH_DONE = 0x61, 0x63, 0x64, 0x65
# How the last answer of a paged search ends.
EMPTY_COOKIE = b"\x04\x00"
# What a search that only counts asks for.
NO_ATTRIBUTES = b"\x04\x031.1"
CHUNK = 1 << 16


class Stage(StrEnum):
    """Where in a reading something happens."""

    CONNECT = "at the connect"
    BIND = "in the answer to the bind"
    FIRST_PAGE = "at the first entry"
    MID_PAGE = "in the middle of a page"
    BETWEEN_PAGES = "between two pages"
    PAGE_END = "at the end of a page"
    EVERY_PAGE_END = "at the end of this page, in every search"
    LAST_PAGE = "at the end of the last page"
    COUNTED_AGAIN = "while the entries are counted again"
    COUNTED_AGAIN_END = "after the entries were counted again"
    AFTER_BYTES = "after so many bytes"


class Ended(Exception):
    """This connection is not served any further."""


@dataclass(frozen=True, slots=True)
class FaultContext:
    """What an action has before it: the client, the message that would have been sent, and who waits for the end."""

    client: socket.socket
    message: bytes
    ended: threading.Event


Action = Callable[[FaultContext], None]


@dataclass(slots=True)
class Fault:
    """What goes wrong and where: pages and their entries count from 1, ``times`` is how often.

    ``connection`` is the only one of the connections since the fault was armed that it befalls; 0 is all of them.
    """

    action: Action
    stage: Stage
    page: int = 2
    entry: int = 5
    after_bytes: int = 0
    times: int = 1_000_000
    connection: int = 0


@dataclass(slots=True)
class _Talk:
    """One client's conversation: how far its reading has come."""

    number: int
    client: socket.socket
    page: int = 0
    entry: int = 0
    counting: bool = False
    sent: int = 0


@dataclass
class Proxy:
    """Passes everything on, except for what the armed fault does; start it as a context manager.

    ``delay`` seconds pass before each message of an answer. ``received`` is what clients sent, ``happened`` how often
    the fault did, ``connections`` how many there were since it was armed.
    """

    target: int
    delay: float = 0.0
    received: bytes = b""
    happened: int = 0
    connections: int = 0
    _fault: Fault | None = None
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for end in (self._listener, *self._open):
            _close(end)
        for thread in self._threads:
            thread.join(5)

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldaps_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.port}"

    def arm(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self._fault, self.connections, self.happened = fault, 0, 0

    def heal(self) -> None:
        """Pass everything on again."""
        self._fault, self.delay = None, 0.0

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            self._start(self._serve, _Talk(self.connections, client))

    def _serve(self, talk: _Talk) -> None:
        """Carry what the client asks."""
        try:
            if self._is_due(talk, Stage.CONNECT):
                self._happen(talk, b"")
            server = socket.create_connection(("127.0.0.1", self.target), 10)
        except (Ended, OSError):
            _close(talk.client)
            return
        server.settimeout(None)
        self._open.append(server)
        self._start(self._answers, server, talk)
        with suppress(Ended, OSError):
            for message in _messages(talk.client):
                self.received += message
                self._before(message, talk)
                server.sendall(message)
        _close(server)

    def _before(self, message: bytes, talk: _Talk) -> None:
        """Note how far the reading has come, and let happen what is due before a page is asked for."""
        if _operation(message) != SEARCH_REQUEST or PAGED_RESULTS not in message:
            return
        counting = NO_ATTRIBUTES in message
        talk.page = 1 if counting and not talk.counting else talk.page + 1
        talk.counting, talk.entry = counting, 0
        due = self._is_due(talk, Stage.COUNTED_AGAIN if counting else Stage.BETWEEN_PAGES)
        if due and self._fault and talk.page == (1 if counting else self._fault.page):
            self._happen(talk, b"")

    def _answers(self, server: socket.socket, talk: _Talk) -> None:
        """Carry what the server answers."""
        with suppress(Ended, OSError):
            for message in _messages(server):
                self._ended.wait(self.delay)
                if self._is_now(message, talk):
                    self._happen(talk, message)
                else:
                    talk.client.sendall(message)
                talk.sent += len(message)
        _close(talk.client)

    def _is_now(self, message: bytes, talk: _Talk) -> bool:
        operation, reading = _operation(message), talk.page > 0 and not talk.counting
        talk.entry += operation == ENTRY
        here = (talk.page, talk.entry)
        fault = self._fault
        if fault is None or not self._is_due(talk, fault.stage):
            return False
        entry, last = reading and operation == ENTRY, message.endswith(EMPTY_COOKIE)
        now = {
            Stage.AFTER_BYTES: talk.sent + len(message) > fault.after_bytes,
            Stage.BIND: operation == BIND_DONE,
            Stage.FIRST_PAGE: entry and here == (1, 1),
            Stage.MID_PAGE: entry and here == (fault.page, fault.entry),
            Stage.EVERY_PAGE_END: operation == SEARCH_DONE and talk.page == fault.page,
            Stage.COUNTED_AGAIN_END: talk.counting and operation == SEARCH_DONE and last,
            Stage.PAGE_END: reading and operation == SEARCH_DONE and talk.page == fault.page,
            Stage.LAST_PAGE: reading and operation == SEARCH_DONE and last,
        }
        return now.get(fault.stage, False)

    def _is_due(self, talk: _Talk, stage: Stage) -> bool:
        fault = self._fault
        if fault is None or fault.stage != stage or self.happened >= fault.times:
            return False
        return fault.connection in {0, talk.number}

    def _happen(self, talk: _Talk, message: bytes) -> None:
        assert self._fault
        self.happened += 1
        self._fault.action(FaultContext(talk.client, message, self._ended))


class BlackHole:
    """A port that neither takes nor refuses connections, as behind a firewall."""

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port = int(self._listener.getsockname()[1])
        # Linux drops what knocks once the queue is full: one more than its length.
        self._waiting = [socket.socket() for _ in range(4)]
        for client in self._waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", self.port))
        return self

    def __exit__(self, *exception: object) -> None:
        for end in (*self._waiting, self._listener):
            end.close()

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"


def _messages(end: socket.socket) -> Iterator[bytes]:
    """Yield LDAP messages whole, and what is none (TLS) as it comes."""
    waiting, encrypted = b"", False
    while more := end.recv(CHUNK):
        waiting += more
        while waiting:
            encrypted = encrypted or waiting[0] != 0x30
            if encrypted:
                yield waiting
                waiting = b""
            elif length := _length(waiting):
                yield waiting[:length]
                waiting = waiting[length:]
            else:
                break


def _length(data: bytes) -> int:
    """Return the length of the first BER element with its header, 0 while it has not arrived."""
    if len(data) < 2:
        return 0
    length, start = data[1], 2
    if length >= 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    return start + length if len(data) >= start + length else 0


def _operation(message: bytes) -> int:
    """Return the tag of an LDAP message's operation (RFC 4511, 4.1.1), 0 for what is none."""
    if message[:1] != b"\x30":
        return 0
    start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    # The message's number lies between.
    start += 2 + message[start + 1]
    return message[start]


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
