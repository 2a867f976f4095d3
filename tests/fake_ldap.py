"""A small LDAP server for what slapd can't be made to do: ranged values, broken paging, silence in mid-message."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

PAGED_RESULTS = b"1.2.840.113556.1.4.319"
WHO_AM_I = b"1.3.6.1.4.1.4203.1.11.3"
START_TLS = b"1.3.6.1.4.1.1466.20037"
BIND, UNBIND, SEARCH, EXTENDED = 0x60, 0x42, 0x63, 0x77
BIND_DONE, ENTRY, SEARCH_DONE, REFERENCE, EXTENDED_DONE = 0x61, 0x64, 0x65, 0x73, 0x78
OCTETS, INTEGER, ENUMERATED, BOOLEAN, SEQUENCE, SET = 0x04, 0x02, 0x0A, 0x01, 0x30, 0x31

Attributes = Mapping[str, Sequence[bytes]]


class Hangup(Exception):
    """The server closes the connection."""


@dataclass
class FakeDirectory:
    """A server that answers binds, the root DSE and searches; start it as a context manager.

    Each result is a pair of LDAP's result code and the server's words. What it was sent is in ``requests``,
    ``passwords``, ``page_sizes`` and ``received`` (bytes). With ``filters`` it finds what a filter asks for, by presence,
    equality and order; otherwise everything. With ``missing_bases`` a search for a single entry that
    there is not ends with ``base_result`` and the ``matched`` DN; with ``silent_pages`` one that asks for pages ends in success,
    without the control, as with 389 Directory Server. It hangs up on a search whose filter has ``hang_up_on`` in it, and
    refuses one that has ``refuse`` in it; with ``..._singles`` it does so on the question for one person.
    It hangs up on a search with the control ``hang_up_on_control``, and with ``dies_of_control`` on all that come after;
    what a filter says of the attribute ``blind_to`` counts for nothing. ``person_result`` is for binds as one of the entries;
    its third part is a referral.
    """

    entries: Sequence[tuple[str, Attributes]] = ()
    references: Sequence[str] = ()
    base: str = "dc=example"
    root: Attributes | None = field(default_factory=lambda: {"supportedControl": [PAGED_RESULTS]})
    whoami: str | None = "dn:cn=reader"
    bind_result: tuple[int, str] = (0, "")
    person_result: tuple[int, str] | tuple[int, str, str] | None = None
    search_result: tuple[int, str] = (0, "")
    referral: str = ""
    paging: bool = True
    largest_page: int = 0
    control_pages: int = 1_000_000
    range_size: int = 0
    silent: bool = False
    start_tls_result: tuple[int, str] = (2, "unsupported extended operation")
    silent_after_start_tls: bool = False
    hang_up_after: int = 1_000_000
    stall_inside: int = 1_000_000
    endless_cookie: bool = False
    estimate: int = 0
    filters: bool = False
    missing_bases: bool = False
    matched: str = ""
    base_result: tuple[int, str] = (32, "")
    silent_pages: bool = False
    hang_up_on: bytes = b""
    refuse: bytes = b""
    hang_up_on_singles: bool = False
    hang_up_on_control: bytes = b""
    dies_of_control: bool = False
    silent_from_now_on: bool = False
    blind_to: bytes = b""
    refuse_singles: bool = False

    requests: list[str] = field(default_factory=list)
    controls_seen: list[bytes] = field(default_factory=list)
    passwords: list[bytes] = field(default_factory=list)
    page_sizes: list[int] = field(default_factory=list)
    received: bytes = b""

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._open:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldaps_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        waiting = b""
        with client, suppress(Hangup, OSError):
            while more := client.recv(1 << 16):
                self.received += more
                waiting += more
                while not self.silent and (length := _length(waiting)):
                    message, waiting = waiting[:length], waiting[length:]
                    self._answer(client, message)

    def _answer(self, client: socket.socket, message: bytes) -> None:
        parts = list(_parts(_only(message)[1]))
        number, (operation, body) = parts[0][1], parts[1]
        controls = list(_parts(parts[2][1])) if len(parts) > 2 else []
        seen = [next(_parts(control))[1] for _, control in controls]
        self.controls_seen += seen
        if self.hang_up_on_control and self.hang_up_on_control in seen:
            self.silent_from_now_on = self.dies_of_control
            raise Hangup
        if operation == UNBIND or self.silent_from_now_on:
            raise Hangup
        if operation == BIND:
            self.requests.append("bind")
            _, (_, name), (_, password) = list(_parts(body))[:3]
            self.passwords.append(password)
            of_person = any(dn.encode(errors="surrogateescape") == name for dn, _ in self.entries)
            answer = self.person_result if self.person_result and of_person else self.bind_result
            _send(client, number, BIND_DONE, result(*answer))
        elif operation == EXTENDED:
            self._extended(client, number, body)
        elif operation == SEARCH:
            self._search(client, number, body, controls)

    def _extended(self, client: socket.socket, number: bytes, body: bytes) -> None:
        name = next(_parts(body))[1]
        if name == START_TLS:
            self.requests.append("StartTLS")
            _send(client, number, EXTENDED_DONE, result(*self.start_tls_result))
            self.silent = self.silent_after_start_tls
        elif name == WHO_AM_I and self.whoami is not None:
            self.requests.append("whoami")
            _send(client, number, EXTENDED_DONE, result(0, "") + element(0x8B, self.whoami.encode()))
        else:
            _send(client, number, EXTENDED_DONE, result(2, "unsupported extended operation"))

    def _search(self, client: socket.socket, number: bytes, body: bytes, controls: list[tuple[int, bytes]]) -> None:
        fields = list(_parts(body))
        base, scope, names = (
            _unescaped(fields[0][1]),
            fields[1][1][0],
            [value.decode() for _, value in _parts(fields[7][1])],
        )
        if not base and not scope:
            if self.root is not None:
                _send(client, number, ENTRY, _entry("", self.root))
            _send(client, number, SEARCH_DONE, result(0, ""))
            return
        self.requests.append("search")
        page = _page(controls) if self.paging else None
        if answer := self._odd_answer(base, scope, fields[6], paged=page is not None):
            _send(client, number, SEARCH_DONE, answer)
            return
        if self.referral:
            _send(client, number, SEARCH_DONE, result(10, "", self.referral))
            return
        found = [entry for entry in self.entries if _in_scope(entry[0], base, scope)]
        if self.missing_bases and not found and not scope:
            _send(client, number, SEARCH_DONE, result(*self.base_result, matched=self.matched))
            return
        if self.filters:
            found = [entry for entry in found if _matches(fields[6], entry[1], self.blind_to)]
        if page:
            self.page_sizes.append(page[0])
            if self.largest_page and page[0] > self.largest_page:
                _send(client, number, SEARCH_DONE, result(11, "page too large"))
                return
        self._send_page(client, number, found, page, names)

    def _odd_answer(self, base: str, scope: int, condition: tuple[int, bytes], *, paged: bool) -> bytes:
        """Return how a search ends at once that this server takes badly; empty for others, and for some it hangs up."""
        # Whoever asks for the presence of any class asks for no person.
        single = not scope and condition[0] != 0x87
        if (self.hang_up_on and self.hang_up_on in condition[1]) or (single and self.hang_up_on_singles):
            raise Hangup
        if (self.refuse and self.refuse in condition[1]) or (single and self.refuse_singles):
            return result(53, "not that filter")
        missing = not any(_in_scope(dn, base, 0) for dn, _ in self.entries)
        return result(0, "") if self.silent_pages and paged and missing else b""

    def _send_page(
        self,
        client: socket.socket,
        number: bytes,
        found: Sequence[tuple[str, Attributes]],
        page: tuple[int, int] | None,
        names: list[str],
    ) -> None:
        size, start = page or (len(found), 0)
        for index, (dn, attributes) in enumerate(found[start : start + size], start):
            if index >= self.hang_up_after:
                raise Hangup
            packed = packet(number, ENTRY, _entry(dn, self._ranged(attributes, names)))
            if index >= self.stall_inside:
                client.sendall(packed[: len(packed) // 2])
                self.silent = True
                return
            client.sendall(packed)
        last = start + size >= len(found)
        if last:
            for url in self.references:
                _send(client, number, REFERENCE, element(OCTETS, url.encode()))
        control = b""
        if page and start // size < self.control_pages:
            cookie = b"" if last and not self.endless_cookie else str(start + size).encode()
            value = element(SEQUENCE, element(INTEGER, bytes([self.estimate])) + element(OCTETS, cookie))
            both = element(OCTETS, PAGED_RESULTS) + element(OCTETS, value)
            control = element(0xA0, element(SEQUENCE, both))
        _send(client, number, SEARCH_DONE, result(*self.search_result) if last else result(0, ""), control)

    def _ranged(self, attributes: Attributes, names: list[str]) -> Attributes:
        """Return what is asked for, long attributes as Active Directory cuts them."""
        answer: dict[str, Sequence[bytes]] = {}
        for name, values in attributes.items():
            start = 0
            for requested in names:
                if requested.lower().startswith(f"{name.lower()};range="):
                    start = int(requested.split("=")[1].split("-")[0])
            is_requested = "*" in names or start or name in names
            if not is_requested:
                continue
            if not start and (not self.range_size or len(values) <= self.range_size):
                answer[name] = values
                continue
            end = start + self.range_size
            last = "*" if end >= len(values) else str(end - 1)
            if not start:
                answer[name] = []
            answer[f"{name};range={start}-{last}"] = values[start:end]
        return answer


def _unescaped(dn: bytes) -> str:
    """Return a DN without escaped octets; those that are no UTF-8 as Python has them."""
    octets = re.sub(rb"\\([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), dn)
    return octets.decode(errors="surrogateescape")


def _in_scope(dn: str, base: str, scope: int) -> bool:
    if scope == 0:
        return dn.lower() == base.lower()
    return dn.lower().endswith(base.lower())


def _matches(condition: tuple[int, bytes], attributes: Attributes, blind_to: bytes = b"") -> bool:
    """Evaluate a filter of and, or, not, equality, greater-or-equal and presence (RFC 4511, 4.5.1.7)."""
    kind, body = condition
    if kind in {0xA0, 0xA1}:
        return (all if kind == 0xA0 else any)(_matches(part, attributes, blind_to) for part in _parts(body))
    if kind == 0xA2:
        return not _matches(_only(body), attributes, blind_to)
    lowered = {name.lower(): [value.lower() for value in values] for name, values in attributes.items()}
    # An extensible one, as for bits, is true of all.
    if kind in {0x87, 0xA9}:
        return kind == 0xA9 or body.lower() == b"objectclass" or body.decode().lower() in lowered
    name, value = (part.lower() for _, part in _parts(body))
    values = lowered.get(name.decode(), [])
    if kind == 0xA3:
        return value in values
    assert kind == 0xA5, kind
    blind = bool(blind_to) and name == blind_to.lower()
    # Numbers are of different lengths, time stamps are not.
    return blind or any((len(each), each) >= (len(value), value) for each in values)


def _page(controls: list[tuple[int, bytes]]) -> tuple[int, int] | None:
    """Return page size and where the page begins, None without the control."""
    for _, control in controls:
        parts = list(_parts(control))
        if parts[0][1] == PAGED_RESULTS:
            size, cookie = _parts(_only(parts[-1][1])[1])
            return int.from_bytes(size[1], "big"), int(cookie[1] or b"0")
    return None


def _entry(dn: str, attributes: Attributes) -> bytes:
    lists = b"".join(
        element(
            SEQUENCE,
            element(OCTETS, name.encode(errors="surrogateescape"))
            + element(SET, b"".join(element(OCTETS, value) for value in values)),
        )
        for name, values in attributes.items()
    )
    return element(OCTETS, dn.encode(errors="surrogateescape")) + element(SEQUENCE, lists)


def result(code: int, words: str, referral: str = "", *, matched: str = "") -> bytes:
    result = element(ENUMERATED, bytes([code])) + element(OCTETS, matched.encode()) + element(OCTETS, words.encode())
    return result + (element(0xA3, element(OCTETS, referral.encode())) if referral else b"")


def _send(client: socket.socket, number: bytes, operation: int, body: bytes, controls: bytes = b"") -> None:
    client.sendall(packet(number, operation, body, controls))


def packet(number: bytes, operation: int, body: bytes, controls: bytes = b"") -> bytes:
    return element(SEQUENCE, element(INTEGER, number) + element(operation, body) + controls)


def element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _length(data: bytes) -> int:
    """Return the length of the first element with its header, 0 while it has not arrived."""
    if len(data) < 2:
        return 0
    length, start = data[1], 2
    if length >= 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    return start + length if len(data) >= start + length else 0


def _only(data: bytes) -> tuple[int, bytes]:
    return next(_parts(data))


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        end = _length(data)
        if not end:
            raise Hangup
        start = 2 if data[1] < 0x80 else 2 + (data[1] & 0x7F)
        yield data[0], data[start:end]
        data = data[end:]
