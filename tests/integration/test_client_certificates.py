"""Client certificates and SASL EXTERNAL against a real slapd, and what is said where one is missing or refused."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from directory.ldap.connection_test.connection_test import test_connection
from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.reading.whole_reading import pages as read_pages
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.ldap import Connection
from tests.connections import connection_to
from tests.directories import Authority, Directory, people
from tests.mutual_tls import READER, MutualDirectory

TLS_1_2 = "NORMAL:-VERS-TLS1.3"


@pytest.fixture(scope="module")
def demanding() -> Iterator[MutualDirectory]:
    """Give a server that lets nobody in without a certificate."""
    with MutualDirectory(ldif=people(25)) as directory:
        yield directory


def connection(directory: MutualDirectory, **settings: Any) -> Connection:
    shown = {"client_certificate": directory.certificate, "client_key": directory.key}
    return connection_to(directory, **{"urls": (directory.ldaps_url,), "page_size": 10, **shown} | settings)


def external(directory: MutualDirectory, **settings: Any) -> Connection:
    return connection(directory, **{"bind_dn": "", "bind_password": "", "sasl_external": True} | settings)


def failure(to: Connection) -> DirectoryUnavailable:
    with pytest.raises(DirectoryUnavailable) as caught:
        list(read_pages(to))
    return caught.value


class TestAClientCertificate:
    def test_is_shown_over_ldaps_and_the_password_binds(self, demanding: MutualDirectory) -> None:
        with open_reading(ReadingRequest(connection(demanding))) as reading:
            list(reading)

        assert reading.proof
        assert (reading.entries, reading.proof.bound_as, reading.proof.counted) == (25, demanding.reader_dn, 25)

    def test_is_shown_with_starttls_too(self, demanding: MutualDirectory) -> None:
        to = connection(demanding, urls=(demanding.url,), start_tls=True)

        assert sum(map(len, read_pages(to))) == 25

    @pytest.mark.parametrize("versions", ["", TLS_1_2])
    def test_that_is_missing_is_named_as_what_the_server_may_demand(self, versions: str) -> None:
        with MutualDirectory(ldif=people(1), versions=versions) as directory:
            refused = failure(connection(directory, client_certificate="", client_key=""))

        assert "server that demands a client certificate may end it so, and none is set" in str(refused)

    @pytest.mark.parametrize("versions", ["", TLS_1_2])
    def test_of_an_unknown_authority_is_named_as_what_the_server_may_refuse(self, versions: str) -> None:
        certificate, key = Authority("Evil").issue_to(READER)
        with MutualDirectory(ldif=people(1), versions=versions) as directory:
            refused = failure(connection(directory, client_certificate=certificate, client_key=key))

        assert "server that refuses the client certificate may end it so" in str(refused)

    def test_that_has_expired_is_not_tried(self, demanding: MutualDirectory) -> None:
        certificate, key = demanding.authority.issue_to(READER, expired=True)

        refused = failure(connection(demanding, client_certificate=certificate, client_key=key, at=datetime.now(UTC)))

        assert "The client certificate has expired on 20" in str(refused)
        assert refused.stage == Stage.TLS

    def test_that_does_not_fit_its_key_is_named(self, demanding: MutualDirectory) -> None:
        _, other = demanding.authority.issue_to(READER)

        refused = failure(connection(demanding, client_key=other))

        assert "the client certificate can't be used" in str(refused)

    def test_is_used_by_every_step_of_a_test(self, demanding: MutualDirectory) -> None:
        assert [step.stage for step in test_connection(connection(demanding)) if not step.ok] == []

    def test_key_is_in_no_message(self, demanding: MutualDirectory) -> None:
        body = demanding.key.splitlines()[1]

        assert body not in repr(connection(demanding))


class TestSaslExternal:
    def test_reads_as_whom_the_server_takes_the_certificate_for(self, demanding: MutualDirectory) -> None:
        with open_reading(ReadingRequest(external(demanding))) as reading:
            list(reading)

        assert reading.proof
        assert (reading.entries, reading.proof.counted) == (25, 25)
        assert reading.proof.bound_as == READER
        assert reading.proof.authorization == f"dn:{demanding.reader_dn}"

    def test_takes_starttls_too(self, demanding: MutualDirectory) -> None:
        assert sum(map(len, read_pages(external(demanding, urls=(demanding.url,), start_tls=True)))) == 25

    def test_without_a_certificate_is_not_tried(self, demanding: MutualDirectory) -> None:
        refused = failure(external(demanding, client_certificate="", client_key=""))

        assert "SASL EXTERNAL needs a client certificate" in str(refused)

    def test_is_refused_by_a_server_that_asks_for_no_certificate(self) -> None:
        with MutualDirectory(ldif=people(1), verify="never") as directory:
            refused = failure(external(directory))

        assert refused.stage == Stage.BIND
        assert "asks its clients for no certificate, or knows nobody by this one" in str(refused)

    def test_of_a_plain_connection_is_refused(self) -> None:
        with Directory(ldif=people(1)) as plain, MutualDirectory() as other:
            refused = failure(external(other, urls=(plain.url,)))

        assert refused.stage == Stage.BIND


@contextmanager
def tls_server(authority: Authority, newest: ssl.TLSVersion) -> Iterator[str]:
    """Give the URL of a server that demands certificates and says in TLS what it has against them, as OpenSSL does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode, context.maximum_version = ssl.CERT_REQUIRED, newest
    context.load_verify_locations(cadata=authority.pem)
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        file = Path(folder, "server.pem")
        file.write_text("".join(authority.issue()))
        context.load_cert_chain(file)

        def serve() -> None:
            client, _ = listener.accept()
            # Closed at once, the connection could be reset before the alert is read.
            with client, client.dup() as open_end, suppress(OSError):
                try:
                    context.wrap_socket(client, server_side=True).recv(1000)
                finally:
                    open_end.recv(1000)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"ldaps://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize(
    ("shown", "newest", "expected"),
    [
        (
            False,
            ssl.TLSVersion.TLSv1_3,
            "The server demands a client certificate, and none is set",
        ),
        (
            False,
            ssl.TLSVersion.TLSv1_2,
            "The server may demand a client certificate, and none is set",
        ),
        (True, ssl.TLSVersion.TLSv1_3, "The server refuses the client certificate: it does not know"),
        (True, ssl.TLSVersion.TLSv1_2, "The server refuses the client certificate: it does not know"),
    ],
)
def test_what_a_server_says_in_tls_is_explained(shown: bool, newest: ssl.TLSVersion, expected: str) -> None:
    authority = Authority()
    certificate, key = Authority("Evil").issue_to(READER) if shown else ("", "")
    with tls_server(authority, newest) as url:
        refused = failure(
            Connection(
                name="Test",
                urls=(url,),
                search_base="dc=example",
                ca_certificate=authority.pem,
                client_certificate=certificate,
                client_key=key,
            )
        )

    assert expected in str(refused)
