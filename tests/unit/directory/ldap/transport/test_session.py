"""Whatever a server answers to the bind, to a search and to StartTLS, a session says how it ended or why it can't be read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.transport.session import PageEnd, Session
from directory.ldap.transport.sockets import START_TLS, Transport, _end_waits, open_transport
from directory.ldap.transport.stream import LdapStream
from directory.ldap.url import Url
from directory.values.ldap import Connection
from tests import ber
from tests.fake_ldap import (
    BIND_DONE,
    ENTRY,
    EXTENDED_DONE,
    OCTETS,
    REFERENCE,
    SEARCH_DONE,
    SEQUENCE,
    FakeDirectory,
    element,
    packet,
)  # fmt: skip

SETTINGS = Connection(
    name="Any", urls=("ldap://h",), search_base="dc=x", bind_dn="cn=reader", bind_password="secret", operation_timeout=1
)
PAGED, SYNC_DONE, PASSWORD_EXPIRES = "1.2.840.113556.1.4.319", "1.3.6.1.4.1.4203.1.9.1.3", "2.16.840.1.113730.3.4.5"
# python-ldap knows how to read these, after its fashion.
CONTROLS = (
    PAGED, SYNC_DONE, PASSWORD_EXPIRES, "2.16.840.1.113730.3.4.4", "1.3.6.1.4.1.42.2.27.8.5.1", "1.3.6.1.1.13.1",
    "2.16.840.1.113730.3.4.15", "1.2.840.113556.1.4.474", "2.16.840.1.113730.3.4.10", "2.16.840.1.113730.3.4.7",
    "1.3.6.1.4.1.4203.666.5.18", "1.3.6.1.4.1.4203.666.5.16", "1.2.3.4",
)  # fmt: skip
VALUES: st.SearchStrategy[bytes | None] = st.none() | ber.hostile(st.just(b"\x30\x06\x02\x01\x05\x04\x01a"))
OPERATIONS = st.sampled_from([BIND_DONE, ENTRY, SEARCH_DONE, REFERENCE, EXTENDED_DONE, 0x79, 0x42, 0x6F, 0x7F])
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def control(kind: str, value: bytes | None, *, critical: bool = False) -> bytes:
    """Return the controls of a message with one of them (RFC 4511, 4.1.11)."""
    content = element(OCTETS, kind.encode()) + (b"\x01\x01\xff" if critical else b"")
    return element(0xA0, element(SEQUENCE, content + (b"" if value is None else element(OCTETS, value))))


@contextmanager
def session() -> Iterator[tuple[Session, socket.socket]]:
    """Open a session with nobody, and the end of the connection where a server would be."""
    server, outside = socket.socketpair()
    for_libldap, inside = socket.socketpair()
    outside.settimeout(1)
    _end_waits(for_libldap, 1)
    transport = Transport(for_libldap.detach(), encrypted=False, stream=LdapStream(outside, inside), address="h")
    with closing(server), closing(Session(SETTINGS, Url("ldap", "h", 389), transport)) as opened:
        yield opened, server
        # So that nobody waits for more at the end.
        server.close()


def answered(*messages: bytes, closes: bool = True) -> PageEnd:
    """Return how a search ends whose answer these are, before which its number is 1."""
    with session() as (opened, server):
        number = opened.search("dc=x", "subtree", "(objectClass=*)", ("*",))
        assert number == 1
        server.sendall(b"".join(messages))
        if closes:
            server.shutdown(socket.SHUT_WR)
        return opened.receive(number, lambda _: None, lambda _: None)


class TestAPage:
    def test_ends_in_what_the_paging_control_says(self) -> None:
        value = element(SEQUENCE, b"\x02\x01\x07" + element(OCTETS, b"next"))

        assert answered(packet(b"\1", SEARCH_DONE, ber.result(0), control(PAGED, value))) == PageEnd(b"next", 7)

    @pytest.mark.parametrize("value", [None, b"", b"x", b"\x30\x80", b"\x30\x04\x02\x00\x04\x00", b"\x30\x80" * 2000])
    @pytest.mark.parametrize("critical", [True, False])
    def test_with_a_paging_control_that_says_nothing_is_no_end(self, value: bytes | None, critical: bool) -> None:
        # libldap's own decoder ends the process here.
        with pytest.raises(DirectoryUnavailable, match="the answer can't be read"):
            answered(packet(b"\1", SEARCH_DONE, ber.result(0), control(PAGED, value, critical=critical)))

    @pytest.mark.parametrize("kind", [kind for kind in CONTROLS if kind != PAGED])
    def test_with_any_other_control_ends_as_without(self, kind: str) -> None:
        # In an answer nothing depends on whether they are critical (RFC 4511, 4.1.11).
        for value in (None, b"", b"x"):
            for critical in (True, False):
                done = packet(b"\1", SEARCH_DONE, ber.result(0), control(kind, value, critical=critical))

                assert answered(done) == PageEnd(None)

    @FEW
    @given(st.sampled_from(CONTROLS), VALUES, st.booleans())
    def test_with_any_control_ends_or_is_refused(self, kind: str, value: bytes | None, critical: bool) -> None:
        with suppress(DirectoryUnavailable):
            answered(packet(b"\1", SEARCH_DONE, ber.result(0), control(kind, value, critical=critical)))

    @FEW
    @given(st.integers(-(2**31), 2**31 - 1), st.binary(max_size=20), st.binary(max_size=60))
    def test_with_any_result_ends_or_is_refused(self, code: int, matched: bytes, words: bytes) -> None:
        done = packet(b"\1", SEARCH_DONE, ber.result(code, matched, words))
        if code:
            with pytest.raises(DirectoryUnavailable):
                answered(done)
        else:
            assert answered(done) == PageEnd(None)

    @FEW
    @given(st.lists(st.tuples(st.sampled_from([b"\0", b"\1", b"\2"]), OPERATIONS, st.binary(max_size=40)), max_size=8))
    def test_of_any_messages_is_refused_unless_its_end_is_there(
        self, parts: Sequence[tuple[bytes, int, bytes]]
    ) -> None:
        with suppress(DirectoryUnavailable):
            assert answered(*(packet(*part) for part in parts)) == PageEnd(None)

    @FEW
    @given(ber.hostile(st.just(packet(b"\1", SEARCH_DONE, ber.result(0)))))
    def test_of_any_bytes_is_refused_unless_its_end_is_there(self, data: bytes) -> None:
        with suppress(DirectoryUnavailable):
            assert answered(data) == PageEnd(None)


def bound(*answers: bytes) -> Session:
    """Return a session that has been bound by these answers, one to each request."""

    def serve() -> None:
        with suppress(OSError):
            for answer in answers:
                # Where the answer before made no sense, no further request comes.
                with suppress(TimeoutError):
                    server.recv(10_000)
                server.sendall(answer)
            server.shutdown(socket.SHUT_WR)

    with session() as (opened, server):
        server.settimeout(0.05)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            opened.bind()
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
        return opened


BOUND = packet(b"\1", BIND_DONE, ber.result(0))
KNOWN = packet(b"\2", EXTENDED_DONE, ber.result(0) + element(0x8B, b"dn:cn=reader"))


class TestABind:
    def test_ends_in_who_the_server_says_we_are(self) -> None:
        assert bound(BOUND, KNOWN).authorization == "dn:cn=reader"

    @pytest.mark.parametrize("value", [b"", element(0x8B, b""), element(0x8B, b"dn:")])
    def test_without_a_name_is_anonymous(self, value: bytes) -> None:
        with pytest.raises(DirectoryUnavailable, match="for an anonymous one"):
            bound(BOUND, packet(b"\2", EXTENDED_DONE, ber.result(0) + value))

    @pytest.mark.parametrize("kind", CONTROLS)
    @pytest.mark.parametrize("value", [None, b"", b"x", b"\x30\x80"])
    def test_needs_no_control(self, kind: str, value: bytes | None) -> None:
        assert bound(packet(b"\1", BIND_DONE, ber.result(0), control(kind, value, critical=True)), KNOWN).bound_as

    @FEW
    @given(ber.hostile(st.just(BOUND)), ber.hostile(st.just(KNOWN)))
    def test_with_any_answers_is_one_or_is_refused(self, first: bytes, second: bytes) -> None:
        with suppress(DirectoryUnavailable):
            assert bound(first, second).bound_as == "cn=reader"


@contextmanager
def starting_tls(answer: bytes, *, drip: float = 0) -> Iterator[Connection]:
    """Serve one connection that asks for StartTLS, and answer this, an octet at a time where it is to ``drip``."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), closing(listener.accept()[0]) as client:
            client.recv(len(START_TLS), socket.MSG_WAITALL)
            for at in range(0, len(answer), 1 if drip else max(1, len(answer))):
                client.sendall(answer[at : at + 1] if drip else answer)
                time.sleep(drip)

    thread = threading.Thread(target=serve)
    thread.start()
    with closing(listener):
        url = f"ldap://127.0.0.1:{listener.getsockname()[1]}"
        # To load all authorities takes longer than everything else here.
        yield Connection(
            name="Any", urls=(url,), search_base="dc=x", start_tls=True, connect_timeout=1, verify_certificates=False
        )
    thread.join()


def refusal(answer: bytes, *, drip: float = 0) -> DirectoryUnavailable:
    """Return why StartTLS failed."""
    with starting_tls(answer, drip=drip) as connection, pytest.raises(DirectoryUnavailable) as refused:
        open_transport(connection, Url("ldap", "127.0.0.1", int(connection.urls[0].rpartition(":")[2])))
    assert refused.value.stage is Stage.TLS
    return refused.value


class TestStartTls:
    @pytest.mark.parametrize(("answer", "reason"), [
        (packet(b"\1", EXTENDED_DONE, ber.result(52, words=b"no certificate")), "refuses StartTLS (no certificate)"),
        (packet(b"\1", EXTENDED_DONE, ber.result(80)), "refuses StartTLS (result 80)"),
        # A notice that the server goes away (RFC 4511, 4.4.1).
        (packet(b"\0", EXTENDED_DONE, ber.result(52, words=b"going down")), "refuses StartTLS (going down)"),
    ])  # fmt: skip
    def test_that_is_refused_says_why(self, answer: bytes, reason: str) -> None:
        assert reason in str(refusal(answer))

    @pytest.mark.parametrize("answer", [
        packet(b"\1", EXTENDED_DONE, element(0x0A, b"") + element(OCTETS, b"") * 2),
        packet(b"\1", EXTENDED_DONE, element(0x0A, b"\x7f" * 5000) + element(OCTETS, b"") * 2),
        packet(b"\1", BIND_DONE, ber.result(0)),
        packet(b"\2", EXTENDED_DONE, ber.result(0)),
        packet(b"\1", EXTENDED_DONE, b"\x0a\x01\x00"),
        b"\x30\x00", b"\x30\x80\x02\x01\x01\x00\x00", b"\x30\x85\x00\x00\x00\x00\x02\x02\x01", b"\x30\xff" + b"\x01" * 127,
        b"\x30\x84\x7f\xff\xff\xff", b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ], ids=lambda answer: answer[:12].hex())  # fmt: skip
    def test_that_is_answered_with_no_ldap_fails(self, answer: bytes) -> None:
        assert "TLS failed (the answer is not LDAP)" in str(refusal(answer))

    def test_that_is_answered_ever_so_slowly_is_given_up(self) -> None:
        began = time.monotonic()

        assert "no answer within 1 second" in str(refusal(element(SEQUENCE, b"a" * 40), drip=0.1))
        assert time.monotonic() - began < 3

    @FEW
    @given(ber.hostile(st.just(packet(b"\1", EXTENDED_DONE, ber.result(0)))))
    def test_that_is_answered_with_anything_else_fails(self, answer: bytes) -> None:
        refusal(answer)

    def test_that_is_taken_begins_tls_with_what_follows_the_answer(self) -> None:
        # Nothing that came in plain text counts as read later on: TLS finds it, and it is no TLS.
        answer = packet(b"\1", EXTENDED_DONE, ber.result(0))

        assert "TLS failed (" in str(refusal(answer + packet(b"\2", ENTRY, b"x" * 100)))


def test_a_range_that_ends_nowhere_is_refused() -> None:
    from directory.ldap.search.search import Search
    from directory.ldap.search.search_locations import SearchLocation
    from directory.ldap.transport.connect import connect

    name = f"member;range=0-{'9' * 5000}"
    with FakeDirectory([("cn=g,dc=example", {name: [b"cn=a"]})]) as server:
        connection = Connection(name="Any", urls=(server.url,), search_base="dc=example")
        with closing(connect(connection)) as opened, pytest.raises(DirectoryUnavailable, match="can't be read"):
            list(Search(opened, SearchLocation("dc=example", "subtree", "(a=b)"), ("*",), 100).pages())
