"""What the proxy can do to a message on its way from a directory."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from tests.fake_ldap import INTEGER, OCTETS, PAGED_RESULTS, SEARCH_DONE, SEQUENCE, element, packet, result
from tests.faults.proxy import Action, Ended, Moment

LONGEST_STALL = 60


def close(_moment: Moment) -> None:
    """Close the connection in the usual way."""
    raise Ended


def reset(moment: Moment) -> None:
    """End the connection as a machine does that knows nothing of it any more."""
    moment.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # So that no other thread still holds it while it waits for bytes.
    with suppress(OSError):
        moment.client.shutdown(socket.SHUT_RD)
    moment.client.close()
    raise Ended


def fall_silent(moment: Moment) -> None:
    """Send nothing more and keep the connection."""
    moment.ended.wait(LONGEST_STALL)
    raise Ended


def truncate(moment: Moment) -> None:
    """Send half a message, then close."""
    moment.client.sendall(moment.message[: len(moment.message) // 2])
    raise Ended


def send_garbage(moment: Moment) -> None:
    """Send as many bytes of noise instead of the message, and go on."""
    moment.client.sendall(random.Random(len(moment.message)).randbytes(len(moment.message)))


def flip_length(moment: Moment) -> None:
    """Flip a bit in the message's length."""
    moment.client.sendall(moment.message[:1] + bytes([moment.message[1] ^ 0x02]) + moment.message[2:])


def drip(moment: Moment) -> None:
    """Send the message byte by byte, slowly."""
    for octet in moment.message:
        moment.client.sendall(bytes([octet]))
        if moment.ended.wait(1):
            raise Ended


def replacing(old: bytes, new: bytes) -> Action:
    """Return what replaces bytes of the message by as many others."""
    assert len(old) == len(new)

    def replace(moment: Moment) -> None:
        assert old in moment.message
        moment.client.sendall(moment.message.replace(old, new))

    return replace


def lose_message_number(moment: Moment) -> None:
    """Flip a bit in the number of the request that the message answers: the client takes it for somebody else's."""
    message, number = moment.message, element(INTEGER, _number(moment.message))
    flipped = number[:-1] + bytes([number[-1] ^ 0x40])
    moment.client.sendall(message.replace(number, flipped, 1))


def answering(code: int, words: str = "") -> Action:
    """Return what ends a search with another result (RFC 4511, 4.1.9)."""

    def answer(moment: Moment) -> None:
        moment.client.sendall(packet(_number(moment.message), SEARCH_DONE, result(code, words)))

    return answer


def call_it_the_last_page(moment: Moment) -> None:
    """End a page as if nothing followed."""
    value = element(SEQUENCE, element(INTEGER, b"\0") + element(OCTETS, b""))
    control = element(SEQUENCE, element(OCTETS, PAGED_RESULTS) + element(OCTETS, value))
    done = packet(_number(moment.message), SEARCH_DONE, result(0, ""), element(0xA0, control))
    moment.client.sendall(done)


def leave_out_the_control(moment: Moment) -> None:
    """End a page with success and without a word on what follows."""
    moment.client.sendall(packet(_number(moment.message), SEARCH_DONE, result(0, "")))


def leave_out(_moment: Moment) -> None:
    """Send everything but this message."""


def send_twice(moment: Moment) -> None:
    """Send the message, and once more."""
    moment.client.sendall(moment.message * 2)


def calling(happens: Callable[[], object]) -> Action:
    """Return what lets something happen to the directory, then goes on."""

    def call(moment: Moment) -> None:
        happens()
        moment.client.sendall(moment.message)

    return call


def flip_last_bit(moment: Moment) -> None:
    """Flip the last bit of what is sent, whatever it is."""
    moment.client.sendall(moment.message[:-1] + bytes([moment.message[-1] ^ 1]))


def _number(message: bytes) -> bytes:
    """Return the number of the request that a message answers."""
    start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    return message[start + 2 : start + 2 + message[start + 1]]
