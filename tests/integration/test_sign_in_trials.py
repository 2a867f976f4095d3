"""“Test sign-in” on the page of an LDAP server: each step with what to do, on unsaved values, and the password kept nowhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from directory.models import LdapServer
from orgs.models import AuditEntry
from tests.attacks.forms import as_sent
from tests.directories import Directory
from tests.fake_ldap import FakeDirectory
from tests.makers import make_sysadmin, signed_in
from tests.sign_ins import PEOPLE, asks, password_of, people_ldif, person, try_in, user_of
from tests.tls_listener import TlsListener

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    twins = person("eve", dn=f"cn=first,{PEOPLE}") + person("eve", dn=f"cn=second,{PEOPLE}")
    with Directory(ldif=people_ldif("ann") + twins) as directory:
        yield directory


@pytest.fixture
def browser(db: None) -> Client:
    return signed_in(make_sysadmin("ada"))


@pytest.fixture
def server(directory: Directory) -> LdapServer:
    return asks(directory)


def pressed(
    browser: Client, server: LdapServer | None, username: str, password: str, *, htmx: bool = True, **changed: Any
) -> str:
    """Press the button with what is typed; ``changed`` are values of the form that were not saved."""
    arguments = [server.pk] if server else []
    page = browser.get(reverse("ldap_servers:edit" if server else "ldap_servers:add", args=arguments))
    values = as_sent(page.context["form"]) | {"sign_in_username": username, "sign_in_password": password} | changed
    headers = {"HX-Request": "true", "HX-Target": "sign-in-result"} if htmx else {}
    address = reverse(f"ldap_servers:test-sign-in{'' if server else '-new'}", args=arguments)
    response = browser.post(address, values, headers=headers)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


class TestTheButton:
    def test_shows_each_step_of_a_sign_in_that_works(self, browser: Client, server: LdapServer) -> None:
        shown = pressed(browser, server, "ann", password_of("ann"))

        assert f"found at uid=ann,{PEOPLE}" in shown
        assert "the server takes the password" in shown
        assert "fails" not in shown.lower()

    def test_shows_the_servers_words_and_what_to_do(self, browser: Client, server: LdapServer) -> None:
        shown = pressed(browser, server, "ann", "wrong")

        assert "the server says that the password is wrong (LDAP result 49). Enter the password again" in shown

    def test_shows_that_nobody_is_found(self, browser: Client, server: LdapServer) -> None:
        shown = pressed(browser, server, "zoe", "wrong")

        assert "nobody is found with the username zoe and the search filter. Check the username" in shown
        assert "password</strong>" not in shown

    def test_shows_that_several_are_found(self, browser: Client, server: LdapServer) -> None:
        assert "2 entries have the username eve" in pressed(browser, server, "eve", "wrong")

    def test_works_on_values_that_are_not_saved(
        self, browser: Client, server: LdapServer, directory: Directory
    ) -> None:
        shown = pressed(browser, server, "ann@example.com", password_of("ann"), username_attribute="mail")

        assert "the server takes the password" in shown
        assert LdapServer.objects.get().username_attribute == "uid"

    def test_works_for_a_server_that_is_not_there_yet(self, browser: Client, directory: Directory) -> None:
        values: dict[str, Any] = {
            "name": "New",
            "urls": directory.url,
            "search_base": directory.base,
            "bind_dn": directory.reader_dn,
            "bind_password": directory.reader_password,
        }

        assert "the server takes the password" in pressed(browser, None, "ann", password_of("ann"), **values)
        assert not LdapServer.objects.exists()

    def test_works_without_javascript(self, browser: Client, server: LdapServer) -> None:
        shown = pressed(browser, server, "ann", password_of("ann"), htmx=False)

        assert "<h" in shown
        assert "the server takes the password" in shown

    @pytest.mark.parametrize("password", ["", "  ", "\u200b"])
    def test_wants_a_password(self, browser: Client, server: LdapServer, password: str) -> None:
        shown = pressed(browser, server, "ann", password)

        assert "Password: " in shown
        assert "WORKS" not in shown

    def test_sends_a_stored_bind_password_nowhere_else(self, browser: Client, server: LdapServer) -> None:
        with FakeDirectory() as other:
            shown = pressed(browser, server, "ann", "her password", urls=other.url)

            assert "Enter the bind password" in shown
            assert other.received == b""

    def test_sends_nothing_to_a_server_whose_certificate_is_wrong(self, browser: Client, server: LdapServer) -> None:
        with TlsListener("wrong host") as listener:
            values: dict[str, Any] = {
                "urls": listener.url,
                "bind_password": "typed anew",
                "ca_certificate": listener.ca_certificate,
            }
            shown = pressed(browser, server, "ann", "her password", **values)

            assert "TLS" in shown
            assert listener.connections
            assert listener.decrypted == b""


class TestThePassword:
    def test_is_in_no_answer_no_log_and_no_row(
        self, browser: Client, server: LdapServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            shown = [pressed(browser, server, "ann", password) for password in ("wr0ng-secret", password_of("ann"))]
        rows = list(AuditEntry.objects.values_list("before", "after")), list(LdapServer.objects.values())

        for secret in ("wr0ng-secret", password_of("ann")):
            assert secret not in f"{shown}{caplog.text}{rows}"

    def test_is_not_shown_again_when_the_page_is_saved_with_it(self, browser: Client, server: LdapServer) -> None:
        address = reverse("ldap_servers:edit", args=[server.pk])
        values = as_sent(browser.get(address).context["form"])

        browser.post(address, values | {"sign_in_username": "ann", "sign_in_password": "typed-secret"})

        assert "typed-secret" not in browser.get(address).content.decode()
        assert "typed-secret" not in str(list(LdapServer.objects.values()))


class TestTheAuditTrail:
    def test_has_who_tested_whom_and_how_it_ended(self, browser: Client, server: LdapServer) -> None:
        for username, password in (("ann", password_of("ann")), ("ann", "wrong"), ("zoe", "wrong")):
            pressed(browser, server, username, password)

        rows = AuditEntry.objects.filter(action="sign-in tested").order_by("pk")

        assert [(each.actor_label, each.object_label, each.after) for each in rows] == [
            ("ada", "Corp", {"username": "ann", "result": "signed in"}),
            ("ada", "Corp", {"username": "ann", "result": "not signed in, at the step “password”"}),
            ("ada", "Corp", {"username": "zoe", "result": "not signed in, at the step “person”"}),
        ]


class TestGuessing:
    def test_ends_as_it_does_at_the_sign_in(self, browser: Client, server: LdapServer) -> None:
        user_of("ann")
        shown = [pressed(browser, server, "ann", f"guess {number}") for number in range(5)]

        assert [("Too many wrong passwords" in each) for each in shown] == [False, False, False, True, True]
        # Nor does it leave more for the sign-in itself.
        try_in("ann", "guess")
        assert "not asked again" in AuditEntry.objects.filter(action="sign-in refused").get().after["reason"]

    def test_is_not_what_tests_without_a_password_are(self, browser: Client, server: LdapServer) -> None:
        shown = [pressed(browser, server, "zoe", "whatever") for _ in range(8)]

        assert not [each for each in shown if "Too many" in each]
