"""What the relay does with what comes off the wire: all that has come is handed on at once, in order, up to its end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.ldap.transport.stream import Relay
from tests import ber


def message(number: int, operation: int, content: bytes) -> bytes:
    packet = bytes([2, 1, number, operation]) + length(len(content)) + content
    return b"\x30" + length(len(packet)) + packet


def length(size: int) -> bytes:
    return bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2)


ENTRY, END, NOTICE = 0x64, 0x65, 0x79


class Wire:
    """A relay with the server's end and libldap's end of it."""

    def __init__(self) -> None:
        self.server, outside = socket.socketpair()
        self.libldap, inside = socket.socketpair()
        outside.settimeout(5)
        self.relay = Relay(outside, inside)

    def close(self) -> None:
        self.relay.close()
        self.server.close()
        self.libldap.close()

    def entries(self, seconds: float = 5) -> list[bytes] | None:
        return self.relay.entries(1, time.monotonic() + seconds)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with closing(Wire()) as made:
        yield made


def test_entries_that_were_written_one_by_one_come_together(wire: Wire) -> None:
    written = [b"a" * size for size in (5, 200, 1000, 3)]
    for content in written:
        wire.server.sendall(message(1, ENTRY, content))

    assert wire.entries() == written


def test_an_entry_in_pieces_comes_when_it_is_whole(wire: Wire) -> None:
    packet = message(1, ENTRY, b"a" * 1000)
    wire.server.sendall(packet[:500])
    with pytest.raises(TimeoutError):
        wire.entries(0.05)

    wire.server.sendall(packet[500:])

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


@pytest.mark.parametrize("number", [1, 9])
def test_an_answer_that_has_not_ended_in_time_is_given_up_however_much_comes(wire: Wire, number: int) -> None:
    wire.server.sendall(message(number, ENTRY, b"sean"))

    with pytest.raises(TimeoutError):
        wire.entries(0)


@pytest.mark.parametrize("number", [0, 9])
def test_more_notices_than_the_way_to_libldap_holds_end_the_connection(wire: Wire, number: int) -> None:
    with flood(wire, message(number, NOTICE, b"")):
        assert wire.entries() is None

    assert wire.relay.trouble == "the answer can't be read"


def test_notices_end_the_connection_while_libldap_looks_away(wire: Wire) -> None:
    with flood(wire, message(0, NOTICE, b"")), wire.relay.carried():
        time.sleep(0.2)

    assert wire.relay.trouble == "the answer can't be read"


def test_an_answer_longer_than_any_is_refused_as_soon_as_it_says_so(wire: Wire) -> None:
    wire.server.sendall(b"\x30\x84\x7f\xff\xff\xff")

    assert wire.entries() is None
    assert wire.relay.trouble == "the answer can't be read"


@settings(max_examples=60, deadline=None)
@given(ber.hostile(ber.entry_messages().map(lambda each: each[2])), st.integers(1, 20))
def test_whatever_the_server_says_it_ends_with_its_connection(data: bytes, parts: int) -> None:
    wire, size = Wire(), len(data) // parts + 1
    with closing(wire):
        for at in range(0, len(data), size):
            wire.server.sendall(data[at : at + size])
        wire.server.close()
        deadline = time.monotonic() + 5
        while wire.relay.entries(1, deadline) is not None or not wire.relay._ended:
            pass

        assert wire.relay.trouble in {"", "the answer can't be read"}


@contextmanager
def flood(wire: Wire, packet: bytes) -> Iterator[None]:
    """Let the server say this over and over again."""

    def send() -> None:
        with suppress(OSError):
            while True:
                wire.server.sendall(packet * 500)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        wire.server.shutdown(socket.SHUT_RDWR)
        thread.join()
