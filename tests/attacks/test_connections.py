"""“Test connection”: what it refuses after a name was looked up, what it says, and what it keeps to itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Self

import pytest
from django.test import Client
from pytest_django import Settings

from directory.ldap.connection_test.connection_test import test_connection
from directory.ldap.errors import Stage
from directory.ldap.reading.whole_reading import Reading, open_reading
from directory.ldap.search.reading_request import ReadingRequest
from directory.models import RunState
from tests.attacks.bad_settings import TEST
from tests.attacks.ldap_pages import Ear, on_the_page
from tests.attacks.ldap_world import SECRET, corp, tried, unchanged
from tests.catalogue import noted
from tests.directories import Directory, people
from tests.fake_ldap import FakeDirectory
from tests.makers import make_sysadmin, signed_in
from tests.state import snapshot
from tests.worlds import ldap_server, simulate

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def home() -> Iterator[Ear]:
    """Where the stored server is."""
    with Ear() as ear:
        yield ear


@pytest.fixture
def evil() -> Iterator[Ear]:
    """Where a stored password must never go."""
    with Ear() as ear:
        yield ear


@pytest.fixture
def client(db: None) -> Client:
    return signed_in(make_sysadmin())


@pytest.fixture(scope="module")
def company() -> Iterator[Directory]:
    """A directory of three people."""
    with Directory(ldif=people(3), certificate="good") as directory:
        yield directory


class ReadingHere:
    """Reads in this process, where a test may have put something in the place of the name server."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        return None

    def open(self, request: ReadingRequest) -> AbstractContextManager[Reading]:
        return open_reading(replace(request, since=None, now=None))


class TestANameThatLeadsElsewhere:
    @pytest.mark.parametrize(
        ("where", "problem"),
        [
            ("169.254.169.254", "link-local"),
            ("::ffff:169.254.169.254", "link-local"),
            ("fd00:ec2::254", "metadata"),
            ("0.0.0.0", "no address of a server"),
            ("127.0.0.1", "LDAP_LOOPBACK"),
        ],
    )
    def test_is_refused_after_it_was_looked_up(
        self, where: str, problem: str, client: Client, home: Ear, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = corp(f"ldap://dc1.example.net:{home.port}")
        settings.LDAP_LOOPBACK = False
        real = socket.getaddrinfo

        def answer(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
            is_lookup = host == "dc1.example.net" and not options.get("flags")
            return real(where if is_lookup else host, port, *arguments, **options)

        monkeypatch.setattr("socket.getaddrinfo", answer)
        # Another process would ask the machine's own name server.
        monkeypatch.setattr("directory.sync.read.read_stage.ReadingProcess", ReadingHere)
        monkeypatch.setattr(
            "directory.actions.server_trials.try_connection", lambda request, _waits, _groups: test_connection(request)
        )
        before = snapshot()
        expected = "no connection is opened; “Test connection” and the run say why"
        how = f"the name server says {where}; {TEST}, a simulation"
        with noted("settings", f"a host name that leads to {where}", how=how, expected=expected) as row:
            shown = on_the_page(tried(client, server, {}))
            run = simulate(server)
            assert problem in shown
            assert run.state == RunState.FAILED
            assert problem in run.error
            assert (home.connections, home.received) == (0, b"")
            unchanged(row, before, run.error)

    def test_is_used_at_those_addresses_that_are_allowed(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = "the allowed address is used, the other never"
        how = "the name server says 169.254.169.254 and 127.0.0.1, of which the second is allowed"
        with (
            noted("settings", "a host name with a good and a bad address", how=how, expected=expected) as row,
            FakeDirectory(entries=[("cn=a,dc=example", {"cn": [b"a"]})]) as fake,
        ):
            connected: list[str] = []
            real = socket.getaddrinfo

            def answer(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
                if host != "dc1.example.net" or options.get("flags"):
                    return real(host, port, *arguments, **options)
                return [
                    found
                    for each in ("169.254.169.254", "127.0.0.1")
                    for found in real(each, port, *arguments, **options)
                ]

            monkeypatch.setattr("socket.getaddrinfo", answer)
            server = ldap_server(f"ldap://dc1.example.net:{fake.port}", search_base="dc=example")
            steps = test_connection(server.connection)
            connected = [step.detail for step in steps if step.stage == Stage.CONNECT]
            assert connected == [f"connected to 127.0.0.1, port {fake.port}"]
            row.saw(connected[0], wrongly_changed=0)


class TestTestConnection:
    @pytest.mark.parametrize(
        ("name", "change", "problem"),
        [
            ("a search base that does not exist", {"search_base": "ou=nowhere,dc=example,dc=com"}, "No such object"),
            ("a filter on an unknown attribute", {"search_filter": "(departement=x)"}, "No entry is found"),
            ("a wrong bind password", {"bind_password": "wrong"}, "Invalid credentials"),
            ("a bind DN that does not exist", {"bind_dn": "cn=nobody,dc=example,dc=com", "bind_password": "x"}, "Invalid"),
            ("TLS at a port that has none", {"urls": ["ldaps://127.0.0.1:PLAIN"], "bind_password": "x"}, "TLS failed"),
            ("an authority that is not trusted", {"urls": ["TLS"], "bind_password": "x"}, "certificate is refused"),
            ("a port where nothing listens", {"urls": ["ldap://127.0.0.1:1"], "bind_password": "x"}, "refused"),
            ("a host that does not exist", {"urls": ["ldap://nowhere.invalid"], "bind_password": "x"}, "can't be resolved"),
        ],
    )  # fmt: skip
    def test_says_what_fails_and_saves_nothing(
        self, name: str, change: dict[str, Any], problem: str, company: Directory, client: Client
    ) -> None:
        server = corp(company.url, bind_dn=company.reader_dn, bind_password=company.reader_password)
        places = {"PLAIN": company.url.rpartition(":")[2], "TLS": company.ldaps_url}
        for key, value in places.items():
            change = {**change, "urls": [each.replace(key, value) for each in change.get("urls", [company.url])]}
        before = snapshot()
        expected = "the step that fails is named with the reason; nothing is saved"
        with noted("settings", f"{TEST}: {name}", how="values that are not saved", expected=expected) as row:
            shown = on_the_page(tried(client, server, change))
            assert problem in shown
            assert company.reader_password not in shown
            unchanged(row, before, shown[shown.rindex("fails") : shown.index("Nothing was saved")].strip())

    @pytest.mark.parametrize(
        ("name", "banner"),
        [
            ("SSH", b"SSH-2.0-OpenSSH_9.2p1 canary-banner\r\n"),
            ("a web server", b"HTTP/1.1 200 OK\r\nServer: canary-banner\r\n\r\n" + b"canary-banner" * 1000),
            ("Redis", b"-ERR unknown command canary-banner\r\n"),
        ],
    )
    @pytest.mark.parametrize("start_tls", [False, True])
    def test_passes_on_nothing_that_another_service_says(
        self, name: str, banner: bytes, start_tls: bool, client: Client
    ) -> None:
        expected = "an error of LDAP or TCP; not a word of what the service says"
        how = f"{TEST} against a port where {name} answers{', with StartTLS' if start_tls else ''}"
        with (
            Ear(banner) as ear,
            noted(
                "settings", f"{TEST}: {name}{' and StartTLS' if start_tls else ''}", how=how, expected=expected
            ) as row,
        ):
            server = corp("ldaps://corp.invalid")
            before = snapshot()
            change = {"urls": [ear.url], "start_tls": start_tls, "bind_password": "x"}
            shown = on_the_page(tried(client, server, change))
            assert "fails" in shown
            assert "canary" not in shown
            unchanged(row, before, shown[shown.rindex("fails") : shown.index("Nothing was saved")].strip())

    def test_passes_on_no_more_than_a_few_of_a_servers_words(self, client: Client) -> None:
        expected = "at most 500 characters, no markup, not the password"
        words = f"<script>alert(1)</script> {SECRET} " + "x" * 60_000
        with (
            FakeDirectory(bind_result=(49, words)) as fake,
            noted("settings", f"{TEST}: 60 KB of the server's words", how=TEST, expected=expected) as row,
        ):
            server = corp(fake.url)
            before = snapshot()
            content = tried(client, server, {})
            shown = on_the_page(content)
            assert b"<script>alert" not in content
            assert SECRET.encode() not in content
            assert "Invalid credentials" in shown
            assert len(shown) < 2000
            unchanged(row, before, shown[shown.rindex("fails") :][:120])
