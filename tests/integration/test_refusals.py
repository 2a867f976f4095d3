"""What a directory refuses is said in its own words, and in ours: what that is, and what to do."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from directory.ldap import error_advice
from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.reading.whole_reading import pages as read_pages
from directory.values.ldap import Connection
from tests.directories import Authority, Certificate, Directory
from tests.fake_ldap import FakeDirectory
from tests.server_process import free_port


def to(*urls: str, **settings: Any) -> Connection:
    given: dict[str, Any] = {
        "search_base": "dc=example",
        "bind_dn": "cn=reader",
        "bind_password": "geheim-4711",
        "connect_timeout": 5,
        "operation_timeout": 5,
    }
    return Connection(name="Corp", urls=urls, **given | settings)


def refused(connection: Connection) -> DirectoryUnavailable:
    with pytest.raises(DirectoryUnavailable) as caught:
        for _ in read_pages(connection):
            pass
    return caught.value


def active_directory(sub_code: str) -> str:
    return f"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {sub_code}, v4563"


STRONGER = (
    "00002028: LdapErr: DSID-0C09029C, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not "
    "already active on the connection, data 0, v4563"
)
FIRST_BIND = (
    "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on "
    "the connection., data 0, v4563"
)


class TestABind:
    @pytest.mark.parametrize(
        ("sub_code", "meant"),
        [
            ("525", "no such account"),
            ("52e", "the password is wrong"),
            ("52E", "the password is wrong"),
            ("530", "at this time"),
            ("531", "sign in from here"),
            ("532", "password has expired"),
            ("533", "is disabled"),
            ("701", "account has expired"),
            ("773", "change its password first"),
            ("775", "locked out"),
        ],
    )
    def test_that_active_directory_refuses_is_explained_by_the_sub_code(self, sub_code: str, meant: str) -> None:
        words = active_directory(sub_code)
        with FakeDirectory(bind_result=(49, f"{words}\0")) as server:
            failure = refused(to(server.url))

        assert failure.server_message == words
        assert str(failure).startswith(f"Invalid credentials: {words}. ")
        assert meant in failure.advice
        assert f"({sub_code.lower()})" in failure.advice

    @pytest.mark.parametrize(
        ("result", "meant"),
        [
            ((49, ""), "enter the bind DN as the directory has it"),
            ((49, "password expired!"), "has expired"),
            ((8, STRONGER), "ldaps://"),
            ((13, "Operation requires a secure connection"), "StartTLS"),
            ((53, "Minimum SSF not met."), "encrypted"),
            ((53, "Account inactivated. Contact system administrator."), "locked"),
            ((53, ""), "look into its log"),
            ((48, "anonymous bind disallowed"), "enter a bind DN"),
            ((19, "Exceed password retry limit. Contact system administrator to reset."), "unlock it"),
            ((32, ""), "correct the bind DN"),
            ((34, "invalid DN"), "bind DN"),
            ((7, ""), "simple binds"),
            ((51, ""), "busy"),
        ],
    )
    def test_that_any_server_refuses_says_what_to_do(self, result: tuple[int, str], meant: str) -> None:
        with FakeDirectory(bind_result=result) as server:
            failure = refused(to(server.url))

        assert failure.result_code == result[0]
        assert result[1].rstrip(".") in str(failure)
        assert meant in failure.advice
        assert "Resource temporarily" not in str(failure)

    def test_that_openldap_wants_encrypted_is_refused_with_what_to_do(self) -> None:
        with Directory(extra="security simple_bind=64") as directory:
            failure = refused(to(directory.url, bind_dn=directory.reader_dn, bind_password=directory.reader_password))

        assert failure.result_code == 13
        assert "confidentiality required" in str(failure)
        assert "ldaps://" in failure.advice


class TestASearch:
    @pytest.mark.parametrize(
        ("result", "meant"),
        [
            ((1, FIRST_BIND), "search anonymously"),
            ((3, ""), "nsslapd-timelimit"),
            ((11, ""), "smaller page size"),
            ((50, "insufficient access rights"), "give the bind account the right"),
            ((53, "authentication required"), "enter a bind DN"),
            ((52, ""), "second URL"),
        ],
    )
    def test_that_a_server_refuses_says_what_to_do(self, result: tuple[int, str], meant: str) -> None:
        with FakeDirectory(search_result=result) as server:
            failure = refused(to(server.url))

        assert result[1].rstrip(".") in str(failure)
        assert meant in failure.advice

    def test_of_a_base_that_is_not_there_says_how_far_the_way_goes(self) -> None:
        with Directory() as directory:
            who = {"bind_dn": directory.reader_dn, "bind_password": directory.reader_password}
            below = refused(to(directory.url, search_base=f"ou=Gone,{directory.base}", **who))
            beside = refused(to(directory.url, search_base="dc=elsewhere", **who))

        assert f"nothing below {directory.base}" in below.advice
        assert "correct the search base" in below.advice
        assert "no part of it" in beside.advice

    def test_that_is_sent_elsewhere_says_what_to_do(self) -> None:
        with FakeDirectory(referral="ldap://dc2.example") as server:
            failure = refused(to(server.url))

        assert "refers to ldap://dc2.example" in str(failure)
        assert "follow referrals" in failure.advice


class TestTls:
    @pytest.mark.parametrize(
        ("kind", "trusted", "meant"),
        [
            ("good", False, "paste the certificate of the authority"),
            ("expired", True, "has expired"),
            ("wrong host", True, "enter in the URL"),
            ("self-signed", False, "nobody but the server itself"),
        ],
    )
    def test_that_refuses_a_certificate_says_what_to_do(
        self, kind: Certificate, trusted: bool, meant: str, tmp_path: Path
    ) -> None:
        authority = Authority()
        with _tls_server(authority, kind, tmp_path) as port:
            trust = authority.pem if trusted else Authority("Another").pem
            failure = refused(to(f"ldaps://localhost:{port}", ca_certificate=trust))

        assert (failure.stage, failure.problem.partition(" (")[0]) == (
            Stage.TLS,
            f"ldaps://localhost:{port}: the server's certificate is refused",
        )
        assert meant in failure.advice

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    def test_of_an_old_version_says_so(self, tmp_path: Path) -> None:
        authority = Authority()
        with _tls_server(authority, "good", tmp_path, ssl.TLSVersion.TLSv1_1) as port:
            failure = refused(to(f"ldaps://localhost:{port}", ca_certificate=authority.pem))

        assert failure.stage == Stage.TLS
        assert "TLS 1.2" in failure.advice

    def test_at_a_port_without_any_says_so(self) -> None:
        with Directory() as directory:
            failure = refused(to(directory.url.replace("ldap:", "ldaps:")))

        assert failure.stage == Stage.TLS
        assert "TLS" in failure.advice

    def test_that_a_server_does_not_know_says_so(self) -> None:
        with FakeDirectory() as server:
            failure = refused(to(server.url, start_tls=True))

        assert "use an ldaps:// URL" in failure.advice


def test_a_port_where_nothing_listens_says_what_to_look_at() -> None:
    failure = refused(to(f"ldap://127.0.0.1:{free_port()}"))

    assert failure.problem.endswith("(Connection refused)")
    assert "389" in failure.advice


def test_a_name_that_nobody_knows_says_what_to_look_at() -> None:
    assert "spelled right" in refused(to("ldap://nowhere.invalid")).advice


def test_each_sentence_goes_on_after_a_full_stop_and_has_none_itself() -> None:
    tables = [
        value
        for name, value in vars(error_advice).items()
        if name.startswith(("_BY", "_OF", "_SUB")) and isinstance(value, dict)
    ]
    sentences = [sentence for table in tables for sentence in table.values()]

    assert len(sentences) > 60
    assert [sentence for sentence in sentences if sentence.endswith(".") or not sentence.strip()] == []


@contextmanager
def _tls_server(
    authority: Authority, kind: Certificate, folder: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[int]:
    certificate, key = authority.issue(kind)
    file = folder / "server.pem"
    file.write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if newest < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                try:
                    context.wrap_socket(client, server_side=True).close()
                except OSError:
                    # The client has refused: that is what it is for.
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)
