"""A connection waits for its client as long as the slowest line needs, and no longer."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from console.store import timed_socket
from console.store.timed_socket import ClientTooSlow, TimedSocket

pytestmark = pytest.mark.once


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, TimedSocket]]:
    monkeypatch.setattr(timed_socket, "SILENT_SECONDS", 1)
    one, other = socket.socketpair()
    with one, TimedSocket.of(other) as ours:
        yield one, ours


def trickle(to: socket.socket, ended: threading.Event) -> None:
    """Send a byte now and then: a client that is never silent."""
    while not ended.wait(0.1):
        to.sendall(b"x")


def receive_all(ours: TimedSocket) -> None:
    while ours.recv(100):
        pass


def test_silence_ends_it_and_is_no_error_of_the_disk(client: tuple[socket.socket, TimedSocket]) -> None:
    with pytest.raises(ClientTooSlow) as raised:
        client[1].recv(100)
    assert raised.value.errno == errno.ECONNRESET


def test_a_trickle_ends_it(client: tuple[socket.socket, TimedSocket]) -> None:
    ended = threading.Event()
    thread = threading.Thread(target=trickle, args=[client[0], ended])
    thread.start()
    began = time.monotonic()
    try:
        with pytest.raises(ClientTooSlow):
            receive_all(client[1])
    finally:
        ended.set()
        thread.join()
    assert time.monotonic() - began >= 1


def test_a_client_that_takes_nothing_ends_it(client: tuple[socket.socket, TimedSocket]) -> None:
    with pytest.raises(ClientTooSlow):
        client[1].sendall(b"x" * 64 * 1024**2)


def test_the_time_between_two_pieces_does_not_count_when_nobody_waits(
    client: tuple[socket.socket, TimedSocket],
) -> None:
    for _ in range(3):
        client[0].sendall(b"x")
        time.sleep(0.5)
        assert client[1].recv(100) == b"x"


def test_what_waits_for_nothing_has_nothing_to_give(client: tuple[socket.socket, TimedSocket]) -> None:
    client[1].setblocking(False)
    with pytest.raises(BlockingIOError) as raised:
        client[1].recv(100)
    assert raised.value.errno == errno.EAGAIN


def test_all_is_sent_and_each_piece_is_noted(client: tuple[socket.socket, TimedSocket]) -> None:
    content, pieces = bytes(range(256)) * 8192, list[None]()
    received = bytearray()

    def take() -> None:
        while len(received) < len(content):
            received.extend(client[0].recv(65536))

    thread = threading.Thread(target=take)
    thread.start()
    client[1].begin(lambda: pieces.append(None))
    client[1].sendall(content)
    thread.join()
    assert bytes(received) == content
    assert len(pieces) >= len(content) // (256 * 1024)
