"""A stored bind password is sent to nobody but the server that it was entered for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from directory.models import LdapServer, RunState, SyncSettings
from tests.attacks.bad_settings import COMMAND, PAGE, TEST
from tests.attacks.ldap_pages import Ear, applied, on_the_page
from tests.attacks.ldap_world import READER, SECRET, corp, saved_by_page, tried, unchanged
from tests.catalogue import noted
from tests.directories import Authority
from tests.fake_ldap import FakeDirectory
from tests.makers import make_sysadmin, signed_in
from tests.state import changed_users, differences, lost, snapshot
from tests.worlds import ldap_server, simulate

pytestmark = [pytest.mark.django_db, pytest.mark.in_turns]


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


# What an administrator, or whoever took an administrator's session over, changes to have a stored password sent elsewhere.
PASS_BACK: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another address": ({}, {"urls": ["EVIL"]}),
    "a second address": ({}, {"urls": ["HOME", "EVIL"]}),
    "another address first": ({}, {"urls": ["EVIL", "HOME"]}),
    "another bind DN": ({}, {"bind_dn": "cn=other,dc=example,dc=com"}),
    "StartTLS turned off": ({"start_tls": True}, {"start_tls": False}),
    "ldaps turned into ldap": ({"urls": ["HOME-TLS"]}, {"urls": ["HOME"]}),
    "certificates not checked": ({"start_tls": True}, {"verify_certificates": False}),
    "another CA certificate": ({"start_tls": True}, {"ca_certificate": "CA"}),
    "referrals followed": ({}, {"follow_referrals": True}),
}


class TestAStoredPassword:
    @pytest.mark.parametrize("name", PASS_BACK)
    def test_is_never_sent_where_it_was_not_meant_to_go(
        self, name: str, client: Client, home: Ear, evil: Ear, tmp_path: Path
    ) -> None:
        places = {"HOME": home.url, "EVIL": evil.url, "HOME-TLS": home.url.replace("ldap", "ldaps", 1)}
        stored, change = (
            {key: [places[each] for each in value] if key == "urls" else value for key, value in values.items()}
            for values in PASS_BACK[name]
        )
        if change.get("ca_certificate"):
            change["ca_certificate"] = Authority("Evil Authority").pem
        server = corp(home.url, **stored)
        before = snapshot()
        expected = "the password is asked for again, nothing is saved, the listeners receive 0 bytes"
        how = f"{PAGE}, {TEST}, “Test search”, {COMMAND}; password left empty"
        with noted("settings", f"a stored password and {name}", how=how, expected=expected) as row:
            response = saved_by_page(client, server, change)
            assert "bind_password" in response.context["form"].errors
            for button in ("test-connection", "test-search"):
                assert "Enter the bind password" in on_the_page(tried(client, server, change, button))
            code, err = applied(tmp_path / "file.json", {"name": "Corp", **change})
            assert code == 1
            assert "bind_password: " in err
            assert (home.received, evil.received) == (b"", b"")
            unchanged(row, before, f"{' '.join(response.context['form'].errors['bind_password'])}; 0 bytes received")

    def test_is_gone_once_the_bind_is_anonymous(self, client: Client, home: Ear, evil: Ear) -> None:
        server = corp(home.url)
        expected = "the password is cleared, and a bind DN needs it again"
        how = f"{PAGE}: “Anonymous bind” saved, then another address and a bind DN"
        with noted("settings", "a stored password and a detour through anonymous", how=how, expected=expected) as row:
            assert saved_by_page(client, server, {"anonymous_bind": True}).status_code == 302
            assert LdapServer.objects.get(pk=server.pk).bind_password == ""
            between = snapshot()
            response = saved_by_page(client, server, {"anonymous_bind": False, "urls": [evil.url], "bind_dn": READER})
            message = " ".join(response.context["form"].errors["bind_password"])
            assert evil.received == b""
            unchanged(row, between, message)

    def test_is_neither_shown_nor_changed_by_data_fixes(self, client: Client, home: Ear, evil: Ear) -> None:
        server = corp(home.url)
        before = snapshot()
        page = reverse("data-fixes:directory_ldapserver_change", args=[server.pk])
        expected = "403, nothing is saved, the password is not in the page"
        how = "data fixes: the page of the server, and a POST with another address"
        with noted("settings", "a stored password and data fixes", how=how, expected=expected) as row:
            shown = client.get(page).content.decode()
            refused = client.post(page, {"urls": f'["{evil.url}"]', "bind_password": "x"})
            assert SECRET not in shown
            assert LdapServer.objects.get(pk=server.pk).bind_password == SECRET
            assert refused.status_code == 403
            unchanged(row, before, "403; the page has no password")

    def test_that_no_key_opens_stops_everything_before_a_bind(
        self, client: Client, home: Ear, settings: Settings
    ) -> None:
        server = corp(home.url)
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
        before = snapshot(ignoring={"last_login", "bind_password"})
        expected = "a clear error, the run has failed, 0 bytes are sent"
        how = f"the keys are lost; {TEST}, “Test search”, a simulation"
        with noted("settings", "a stored password that can't be decrypted", how=how, expected=expected) as row:
            for button in ("test-connection", "test-search"):
                assert "can't be decrypted with the configured keys" in on_the_page(tried(client, server, {}, button))
            run = simulate(server)
            assert run.state == RunState.FAILED
            assert "can't be decrypted with the configured keys" in run.error
            assert home.received == b""
            after = snapshot(ignoring={"last_login", "bind_password"})
            assert differences(before, after) == []
            row.saw(run.error, wrongly_changed=len(changed_users(before, after)), lost=lost(before, after))


class TestAReferral:
    @pytest.mark.parametrize(
        ("name", "target"),
        [
            ("another service of this machine", "EVIL"),
            ("cloud credentials", "ldap://169.254.169.254/dc=example"),
            ("a socket file", "ldapi:///dc=example"),
        ],
    )
    def test_never_takes_the_password_to_what_may_not_be_reached(
        self, name: str, target: str, evil: Ear, settings: Settings
    ) -> None:
        expected = "the run fails or says what was not read; the listener receives 0 bytes"
        how = "a directory that refers to it, and “Follow referrals” on; a simulation"
        with (
            FakeDirectory(references=[target.replace("EVIL", f"{evil.url}/dc=example")]) as fake,
            noted("settings", f"a referral to {name}", how=how, expected=expected) as row,
        ):
            server = ldap_server(
                fake.url,
                bind_dn=READER,
                bind_password=SECRET,
                follow_referrals=True,
                search_base="dc=example",
                connect_timeout=2,
            )
            settings.LDAP_PORTS = frozenset({389, fake.port})
            SyncSettings.load()
            before = snapshot()
            run = simulate(server)
            message = run.error or " ".join(map(str, run.warnings))
            assert message
            assert (evil.connections, evil.received) == (0, b"")
            unchanged(row, before, message)
