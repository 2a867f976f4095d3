"""What the relay does with what comes off the wire: all that has come is handed on at once, in order, up to its end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from directory.sync.source.relay import Relay


def message(number: int, operation: int, content: bytes) -> bytes:
    told = bytes([2, 1, number, operation]) + length(len(content)) + content
    return b"\x30" + length(len(told)) + told


def length(size: int) -> bytes:
    return bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2)


ENTRY, END = 0x64, 0x65


class Wire:
    """A relay with the server's end and libldap's end of it."""

    def __init__(self) -> None:
        self.server, outside = socket.socketpair()
        self.libldap, inside = socket.socketpair()
        outside.settimeout(5)
        self.relay = Relay(outside, inside)

    def entries(self, seconds: float = 5) -> list[bytes] | None:
        return self.relay.entries(1, time.monotonic() + seconds)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.relay.close()
    made.server.close()
    made.libldap.close()


def test_entries_that_were_written_one_by_one_come_together(wire: Wire) -> None:
    written = [b"a" * size for size in (5, 200, 1000, 3)]
    for content in written:
        wire.server.sendall(message(1, ENTRY, content))

    assert wire.entries() == written


def test_an_entry_in_pieces_comes_when_it_is_whole(wire: Wire) -> None:
    told = message(1, ENTRY, b"a" * 1000)
    wire.server.sendall(told[:500])
    with pytest.raises(TimeoutError):
        wire.entries(0.05)

    wire.server.sendall(told[500:])

    assert wire.entries() == [b"a" * 1000]


def test_what_has_come_before_the_server_closes_is_handed_on_first(wire: Wire) -> None:
    end = message(1, END, b"\n\1\0\4\0\4\0")
    wire.server.sendall(message(1, ENTRY, b"sean") + end)
    wire.server.close()

    assert wire.entries() == [b"sean"]
    assert wire.entries() is None
    assert wire.libldap.recv(1000) == end
    assert wire.entries() is None
    assert wire.libldap.recv(1000) == b""


def test_what_is_no_ldap_ends_the_connection(wire: Wire) -> None:
    wire.server.sendall(b"HTTP/1.1 400 Bad Request\r\n")

    assert wire.entries() is None
    assert wire.relay.trouble == "the answer can't be read"
