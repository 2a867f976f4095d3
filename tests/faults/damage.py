"""What the proxy can do to a message on its way from a directory."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from tests.fake_ldap import INTEGER, OCTETS, PAGED_RESULTS, SEARCH_DONE, SEQUENCE, element, packet, result
from tests.faults.proxy import Action, Ended, FaultContext

LONGEST_STALL = 60


def close(_context: FaultContext) -> None:
    """Close the connection in the usual way."""
    raise Ended


def reset(context: FaultContext) -> None:
    """End the connection as a machine does that knows nothing of it any more."""
    context.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # So that no other thread still holds it while it waits for bytes.
    with suppress(OSError):
        context.client.shutdown(socket.SHUT_RD)
    context.client.close()
    raise Ended


def fall_silent(context: FaultContext) -> None:
    """Send nothing more and keep the connection."""
    context.ended.wait(LONGEST_STALL)
    raise Ended


def truncate(context: FaultContext) -> None:
    """Send half a message, then close."""
    context.client.sendall(context.message[: len(context.message) // 2])
    raise Ended


def send_garbage(context: FaultContext) -> None:
    """Send as many bytes of noise instead of the message, and go on."""
    context.client.sendall(random.Random(len(context.message)).randbytes(len(context.message)))


def flip_length(context: FaultContext) -> None:
    """Flip a bit in the message's length."""
    context.client.sendall(context.message[:1] + bytes([context.message[1] ^ 0x02]) + context.message[2:])


def drip(context: FaultContext) -> None:
    """Send the message byte by byte, slowly."""
    for octet in context.message:
        context.client.sendall(bytes([octet]))
        if context.ended.wait(1):
            raise Ended


def replacing(old: bytes, new: bytes) -> Action:
    """Return what replaces bytes of the message by as many others."""
    assert len(old) == len(new)

    def replace(context: FaultContext) -> None:
        assert old in context.message
        context.client.sendall(context.message.replace(old, new))

    return replace


def lose_message_number(context: FaultContext) -> None:
    """Flip a bit in the number of the request that the message answers: the client takes it for somebody else's."""
    message, number = context.message, element(INTEGER, _number(context.message))
    flipped = number[:-1] + bytes([number[-1] ^ 0x40])
    context.client.sendall(message.replace(number, flipped, 1))


def answering(code: int, words: str = "") -> Action:
    """Return what ends a search with another result (RFC 4511, 4.1.9)."""

    def answer(context: FaultContext) -> None:
        context.client.sendall(packet(_number(context.message), SEARCH_DONE, result(code, words)))

    return answer


def call_it_the_last_page(context: FaultContext) -> None:
    """End a page as if nothing followed."""
    value = element(SEQUENCE, element(INTEGER, b"\0") + element(OCTETS, b""))
    control = element(SEQUENCE, element(OCTETS, PAGED_RESULTS) + element(OCTETS, value))
    done = packet(_number(context.message), SEARCH_DONE, result(0, ""), element(0xA0, control))
    context.client.sendall(done)


def leave_out_the_control(context: FaultContext) -> None:
    """End a page with success and without a word on what follows."""
    context.client.sendall(packet(_number(context.message), SEARCH_DONE, result(0, "")))


def leave_out(_context: FaultContext) -> None:
    """Send everything but this message."""


def send_twice(context: FaultContext) -> None:
    """Send the message, and once more."""
    context.client.sendall(context.message * 2)


def calling(happens: Callable[[], object]) -> Action:
    """Return what lets something happen to the directory, then goes on."""

    def call(context: FaultContext) -> None:
        happens()
        context.client.sendall(context.message)

    return call


def flip_last_bit(context: FaultContext) -> None:
    """Flip the last bit of what is sent, whatever it is."""
    context.client.sendall(context.message[:-1] + bytes([context.message[-1] ^ 1]))


def _number(message: bytes) -> bytes:
    """Return the number of the request that a message answers."""
    start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    return message[start + 2 : start + 2 + message[start + 1]]
