"""The stream hands on all that has come at once, in order, up to its end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.ldap.transport.stream import LdapStream
from tests import ber


def message(number: int, operation: int, content: bytes) -> bytes:
    packet = bytes([2, 1, number, operation]) + length(len(content)) + content
    return b"\x30" + length(len(packet)) + packet


def length(size: int) -> bytes:
    return bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2)


ENTRY, END, NOTICE = 0x64, 0x65, 0x79


class Ends:
    """A stream with the server's end and libldap's end of it."""

    def __init__(self) -> None:
        self.server, outside = socket.socketpair()
        self.libldap, inside = socket.socketpair()
        outside.settimeout(5)
        self.stream = LdapStream(outside, inside)

    def close(self) -> None:
        self.stream.close()
        self.server.close()
        self.libldap.close()

    def entries(self, seconds: float = 5) -> list[bytes] | None:
        return self.stream.entries(1, time.monotonic() + seconds)


@pytest.fixture
def ends() -> Iterator[Ends]:
    with closing(Ends()) as made:
        yield made


def test_entries_that_were_written_one_by_one_come_together(ends: Ends) -> None:
    written = [b"a" * size for size in (5, 200, 1000, 3)]
    for content in written:
        ends.server.sendall(message(1, ENTRY, content))

    assert ends.entries() == written


def test_an_entry_in_pieces_comes_when_it_is_whole(ends: Ends) -> None:
    packet = message(1, ENTRY, b"a" * 1000)
    ends.server.sendall(packet[:500])
    with pytest.raises(TimeoutError):
        ends.entries(0.05)

    ends.server.sendall(packet[500:])

    assert ends.entries() == [b"a" * 1000]


def test_what_has_come_before_the_server_closes_is_handed_on_first(ends: Ends) -> None:
    end = message(1, END, b"\n\1\0\4\0\4\0")
    ends.server.sendall(message(1, ENTRY, b"sean") + end)
    ends.server.close()

    assert ends.entries() == [b"sean"]
    assert ends.entries() is None
    assert ends.libldap.recv(1000) == end
    assert ends.entries() is None
    assert ends.libldap.recv(1000) == b""


def test_what_is_no_ldap_ends_the_connection(ends: Ends) -> None:
    ends.server.sendall(b"HTTP/1.1 400 Bad Request\r\n")

    assert ends.entries() is None
    assert ends.stream.trouble == "the answer can't be read"


@pytest.mark.parametrize("number", [1, 9])
def test_an_answer_that_has_not_ended_in_time_is_given_up_however_much_comes(ends: Ends, number: int) -> None:
    ends.server.sendall(message(number, ENTRY, b"sean"))

    with pytest.raises(TimeoutError):
        ends.entries(0)


@pytest.mark.parametrize("number", [0, 9])
def test_more_notices_than_the_way_to_libldap_holds_end_the_connection(ends: Ends, number: int) -> None:
    with flood(ends, message(number, NOTICE, b"")):
        assert ends.entries() is None

    assert ends.stream.trouble == "the answer can't be read"


def test_notices_end_the_connection_while_libldap_looks_away(ends: Ends) -> None:
    with flood(ends, message(0, NOTICE, b"")), ends.stream.carried():
        time.sleep(0.2)

    assert ends.stream.trouble == "the answer can't be read"


def test_an_answer_longer_than_any_is_refused_as_soon_as_it_says_so(ends: Ends) -> None:
    ends.server.sendall(b"\x30\x84\x7f\xff\xff\xff")

    assert ends.entries() is None
    assert ends.stream.trouble == "the answer can't be read"


@settings(max_examples=60, deadline=None)
@given(ber.hostile(ber.entry_messages().map(lambda each: each[2])), st.integers(1, 20))
def test_whatever_the_server_says_it_ends_with_its_connection(data: bytes, parts: int) -> None:
    ends, size = Ends(), len(data) // parts + 1
    with closing(ends):
        for at in range(0, len(data), size):
            ends.server.sendall(data[at : at + size])
        ends.server.close()
        deadline = time.monotonic() + 5
        while ends.stream.entries(1, deadline) is not None or not ends.stream._ended:
            pass

        assert ends.stream.trouble in {"", "the answer can't be read"}


@contextmanager
def flood(ends: Ends, packet: bytes) -> Iterator[None]:
    """Let the server say this over and over again."""

    def send() -> None:
        with suppress(OSError):
            while True:
                ends.server.sendall(packet * 500)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ends.server.shutdown(socket.SHUT_RDWR)
        thread.join()
