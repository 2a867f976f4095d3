"""Signing in with several servers, dead ones, and hostile ones: who gets the password, how often, and how long it takes."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings as real_settings
from django.test import Client
from pytest_django import Settings

from directory.models import LdapServer, Match
from directory.sign_in import time_limits
from orgs.models import AuditEntry, User
from tests.attacks.ldap_pages import Ear
from tests.directories import Certificate, Directory
from tests.fake_ldap import FakeDirectory
from tests.makers import NOW, PASSWORD, make_sysadmin
from tests.sign_ins import (
    ADDRESS,
    BASE,
    CHANGE_FIRST,
    PEOPLE,
    WRONG,
    asks,
    is_in,
    matched,
    password_of,
    people_ldif,
    person_binds,
    try_in,
    user_of,
)
from tests.tls_listener import TlsListener
from tests.worlds import NO_LIMITS, ldap_server

pytestmark = [pytest.mark.django_db, pytest.mark.once]

READER_PASSWORD = "reader-secret-4711"
IDS = {"ann": b"6f1c9a52-0001-4000-8000-000000000001", "bob": b"6f1c9a52-0001-4000-8000-000000000002"}
DEAD = "ldap://127.0.0.1:1"


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with Directory(ldif=people_ldif("ann", "bob"), certificate="good") as directory:
        yield directory


def fake(*names: str, **answers: Any) -> FakeDirectory:
    """Return a server that notes what it is sent; it takes any password."""
    entries = [
        (f"uid={name},{PEOPLE}", {"objectClass": [b"person"], "uid": [name.encode()], "entryUUID": [IDS[name]]})
        for name in names
    ]
    return FakeDirectory(entries=entries, base=BASE, filters=True, **answers)


def asks_fake(url: str, *, name: str = "Corp", **values: Any) -> LdapServer:
    """Have the org Default ask a server at this address, after those that it asks already."""
    given = {"search_base": BASE, "bind_dn": f"cn=reader,{BASE}", "bind_password": READER_PASSWORD, **NO_LIMITS}
    return ldap_server(url, name=name, **given | values)


def found_before(name: str, server: LdapServer) -> User:
    """Make a user whose immutable id is known."""
    user = user_of(name)
    Match.objects.create(
        user=user, server=server, dn=f"uid={name},{PEOPLE}", unique_id=IDS[name].decode(), matched_at=NOW
    )
    return user


def binds_of(server: FakeDirectory) -> list[bytes]:
    return person_binds(server, reader=READER_PASSWORD)


def reason() -> str:
    """Return why the last sign-in was refused."""
    return str(AuditEntry.objects.filter(action="sign-in refused").latest("pk").after["reason"])


class TestTwoServers:
    def test_an_unreachable_one_leads_to_the_next(self, directory: Directory) -> None:
        asks_fake(DEAD, name="First")
        second = asks(directory, name="Second")
        matched(user_of("ann"), second, directory)

        assert is_in(try_in("ann", password_of("ann"))[0])

    def test_one_that_does_not_find_the_person_leads_to_the_next(self, directory: Directory) -> None:
        with fake("bob") as first:
            asks_fake(first.url, name="First")
            second = asks(directory, name="Second")
            matched(user_of("ann"), second, directory)

            assert is_in(try_in("ann", password_of("ann"))[0])
            assert binds_of(first) == []

    def test_a_wrong_password_ends_it(self) -> None:
        with fake("ann", bind_result=(0, "")) as second, Directory(ldif=people_ldif("ann")) as first:
            server = asks(first, name="First")
            asks_fake(second.url, name="Second")
            matched(user_of("ann"), server, first)

            assert WRONG in try_in("ann", "wrong")[1]
            assert second.received == b""

    def test_a_namesake_on_the_next_one_does_not_come_in_while_the_first_is_away(self, directory: Directory) -> None:
        asks_fake(DEAD, name="First")
        asks(directory, name="Second")
        # Nothing is known of this user but the username, which another person may have on the second server.
        user_of("bob")

        assert WRONG in try_in("bob", password_of("bob"))[1]
        assert "an earlier server could not be asked" in reason()

    def test_an_entry_of_the_same_name_with_another_id_is_not_tried(self) -> None:
        with fake("ann") as first, fake("ann") as second:
            second.entries = [(second.entries[0][0], {**second.entries[0][1], "entryUUID": [IDS["bob"]]})]
            found_before("ann", asks_fake(first.url, name="First", operation_timeout=1))
            asks_fake(second.url, name="Second")
            first.silent = True

            assert WRONG in try_in("ann", "her password")[1]
            assert b"her password" not in second.received

    def test_that_are_both_away_let_local_administrators_in_at_once(self) -> None:
        asks_fake(DEAD, name="First")
        with FakeDirectory(silent=True) as second:
            asks_fake(second.url, name="Second")
            make_sysadmin("ada")
            began = time.monotonic()

            assert is_in(try_in("ada", PASSWORD)[0])
            assert time.monotonic() - began < 2


class TestAServerThatIsAway:
    def test_refuses_within_its_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time_limits, "SECONDS", 2.0)
        with FakeDirectory(silent=True) as silent:
            server = asks_fake(silent.url, operation_timeout=3600, connect_timeout=300)
            found_before("ann", server)
            began = time.monotonic()

            assert WRONG in try_in("ann", "her password")[1]
            assert time.monotonic() - began < 4
            assert "no directory answered within 2 seconds" in reason()

    def test_occupies_few_threads_and_local_administrators_get_in_meanwhile(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(time_limits, "TURN_SECONDS", 0.1)
        entered = threading.Barrier(time_limits.AT_ONCE + 1)

        def waits(waited: time_limits.Waited) -> None:
            entered.wait(5)
            while waited():
                time.sleep(0.01)

        monkeypatch.setattr(time_limits, "SECONDS", 1.0)

        def wait_for_a_directory() -> None:
            with suppress(time_limits.TooSlow):
                time_limits.in_time(waits)

        waiting = [threading.Thread(target=wait_for_a_directory) for _ in range(time_limits.AT_ONCE)]
        for thread in waiting:
            thread.start()
        try:
            entered.wait(5)
            with pytest.raises(time_limits.TooSlow, match="too many sign-ins"):
                time_limits.in_time(lambda _: None)
        finally:
            for thread in waiting:
                thread.join()
        time.sleep(0.1)
        assert time_limits.in_time(lambda _: "done") == "done"

    def test_does_not_get_the_password_once_nobody_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time_limits, "SECONDS", 0.0)
        with fake("ann") as server:
            found_before("ann", asks_fake(server.url))

            assert WRONG in try_in("ann", "her password")[1]
            time.sleep(0.5)
            assert binds_of(server) == []


CERTIFICATES: tuple[Certificate, ...] = ("wrong host", "expired", "self-signed")


class TestNotAByteOfAPassword:
    @pytest.mark.parametrize("start_tls", [False, True], ids=["ldaps", "StartTLS"])
    @pytest.mark.parametrize("kind", CERTIFICATES)
    def test_goes_to_a_server_whose_certificate_is_wrong(self, kind: Certificate, start_tls: bool) -> None:
        with TlsListener(kind, start_tls=start_tls) as listener:
            server = asks_fake(listener.url, start_tls=start_tls, ca_certificate=listener.ca_certificate)
            found_before("ann", server)

            assert WRONG in try_in("ann", "her password")[1]
            assert listener.connections
            assert listener.decrypted == b""
            assert b"her password" not in listener.plain
            assert READER_PASSWORD.encode() not in listener.plain

    def test_goes_where_a_referral_leads(self) -> None:
        with Ear() as ear, fake("ann", references=[f"{ear.url}/{BASE}"]) as server:
            found_before("ann", asks_fake(server.url, follow_referrals=True))

            assert is_in(try_in("ann", "her password")[0])
            assert binds_of(server) == [b"her password"]
            assert ear.connections == 0

    @pytest.mark.parametrize("at", ["search", "bind"])
    def test_goes_where_a_server_refers_to(self, at: str) -> None:
        with Ear() as ear, fake("ann") as server:
            found_before("ann", asks_fake(server.url, follow_referrals=True))
            if at == "search":
                server.referral = f"{ear.url}/{BASE}"
            else:
                server.person_result = (10, "", f"{ear.url}/{BASE}")

            assert WRONG in try_in("ann", "her password")[1]
            assert ear.connections == 0

    @pytest.mark.parametrize("username", ["zoe", "local", "blocked"])
    def test_goes_anywhere_for_who_is_not_in_the_directory(self, username: str) -> None:
        with fake("ann") as server:
            asks_fake(server.url)
            make_sysadmin("local")
            User.objects.filter(pk=user_of("blocked").pk).update(blocked=True, blocked_by="person")

            assert WRONG in try_in(username, "typed-secret-99")[1]
            assert b"typed-secret-99" not in server.received
            assert username.encode() not in server.received

    @pytest.mark.parametrize("password", ["", " ", "\u200b\u00ad", "\0", "\0secret", "\t\n "])
    def test_is_sent_when_it_could_be_taken_for_none(self, password: str) -> None:
        with fake("ann") as server:
            found_before("ann", asks_fake(server.url))

            assert try_in("ann", password)[1]
            assert server.received == b""

    def test_counts_when_the_server_takes_the_bind_for_an_anonymous_one(self) -> None:
        with fake("ann") as server:
            found_before("ann", asks_fake(server.url, bind_dn="", bind_password=""))
            server.whoami = ""

            assert WRONG in try_in("ann", "her password")[1]
            assert "takes the bind for an anonymous one" in reason()


class TestAccountsAreNotLocked:
    def test_by_wrong_passwords_from_many_addresses(self, settings: Settings) -> None:
        settings.SIGN_IN_BINDS = 4
        with fake("ann") as server:
            found_before("ann", asks_fake(server.url))
            server.person_result = (49, "")

            for number in range(12):
                assert WRONG in try_in("ann", f"guess {number}", address=f"192.0.2.{number}")[1]

            assert len([each for each in binds_of(server) if each.startswith(b"guess")]) == 2
            assert "not asked again" in reason()

    def test_while_the_browser_that_they_use_has_some_passwords_left(self, settings: Settings) -> None:
        settings.SIGN_IN_BINDS = 4
        with fake("ann") as server:
            found_before("ann", asks_fake(server.url))
            browser, _ = try_in("ann", "her password")
            browser.post("/sign-out/")
            server.person_result = (49, "")
            for number in range(12):
                try_in("ann", f"guess {number}", address=f"192.0.2.{number}")
            server.person_result = (0, "")

            assert WRONG in try_in("ann", "her password")[1]
            assert is_in(try_in("ann", "her password", browser=browser)[0])

    def test_by_a_server_that_was_away(self) -> None:
        server = asks_fake(DEAD)
        found_before("ann", server)
        for number in range(8):
            try_in("ann", "her password", address=f"192.0.2.{number}")
        with fake("ann") as back:
            LdapServer.objects.filter(pk=server.pk).update(urls=[back.url])

            assert is_in(try_in("ann", "her password")[0])


class TestWhatAPersonIsShown:
    @pytest.mark.parametrize(
        ("code", "words", "shown"),
        [
            (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 775, v4563", WRONG),
            (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 533, v4563", WRONG),
            (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 701, v4563", WRONG),
            (
                49,
                "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 532, v4563",
                CHANGE_FIRST,
            ),
            (
                49,
                "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 773, v4563",
                CHANGE_FIRST,
            ),
            # The words alone are no proof that the password was right.
            (49, "password expired!", WRONG),
            (19, "Exceed password retry limit. Please try later.", WRONG),
        ],
    )
    def test_is_more_than_a_refusal_after_the_right_password_only(self, code: int, words: str, shown: str) -> None:
        with fake("ann") as server:
            found_before("ann", asks_fake(server.url))
            server.person_result = (code, words)

            page = try_in("ann", "her password")[1]

        assert shown in page
        assert "data 7" not in page
        assert "retry limit" not in page
        assert words[:20] in reason()


class TestTheTime:
    TRIES = 5

    def seconds(self, username: str, password: str) -> float:
        times = []
        for number in range(self.TRIES):
            began = time.monotonic()
            assert WRONG in try_in(username, f"{password}{number}", address=f"192.0.2.{number}")[1]
            times.append(time.monotonic() - began)
        return statistics.median(times)

    def test_of_a_refusal_is_the_same_for_unknown_names_and_wrong_passwords(
        self, directory: Directory, settings: Settings
    ) -> None:
        settings.REFUSED_SIGN_IN_SECONDS = 0.4
        settings.SIGN_IN_BINDS = 100
        server = asks(directory)
        matched(user_of("ann"), server, directory)
        User.objects.filter(pk=user_of("blocked").pk).update(blocked=True, blocked_by="person")
        make_sysadmin("local")

        took = {name: self.seconds(name, "wrong") for name in ("ann", "zoe", "blocked", "local")}

        assert min(took.values()) >= 0.4
        assert max(took.values()) - min(took.values()) < 0.2, took

    def test_is_as_long_in_earnest_as_this_test_has_it(self) -> None:
        from console import settings as earnest

        assert earnest.REFUSED_SIGN_IN_SECONDS == 0.4
        assert real_settings.AUTHENTICATION_BACKENDS[0].endswith("LocalBackend")

    def test_of_who_comes_in_is_no_longer_than_it_has_to_be(self, directory: Directory, settings: Settings) -> None:
        settings.REFUSED_SIGN_IN_SECONDS = 5.0
        matched(user_of("ann"), asks(directory), directory)
        began = time.monotonic()

        assert is_in(try_in("ann", password_of("ann"))[0])
        assert time.monotonic() - began < 4

    @pytest.mark.parametrize("username", ["ann", "zoe", "blocked"])
    def test_is_spent_in_the_directory_for_all(self, username: str) -> None:
        with fake("ann") as server:
            found_before("ann", asks_fake(server.url))
            User.objects.filter(pk=user_of("blocked").pk).update(blocked=True, blocked_by="person")
            server.person_result = (49, "")

            try_in(username, "wrong")

            # The server takes a bind as nobody, after which it is asked who that is.
            assert server.requests[:4] == ["bind", "whoami", "search", "bind"]


def test_a_reader_of_the_page_learns_no_address_from_it() -> None:
    asks_fake(DEAD)
    user_of("ann")

    shown = Client().post("/sign-in/", {"username": "ann", "password": "x y"}, REMOTE_ADDR=ADDRESS).content.decode()

    assert "127.0.0.1" not in shown
    assert "LDAP" not in shown
