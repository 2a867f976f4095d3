"""Bad LDAP settings, by page, by “Test connection” and by command: each is named, nothing is saved, nobody is contacted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from directory.models import LdapServer
from tests.attacks.bad_settings import BAD, COMMAND, FILES, PAGE, TEST, Bad
from tests.attacks.ldap_pages import Ear, alert_of, applied, on_the_page
from tests.attacks.ldap_world import READER, SECRET, corp, saved_by_page, tried, unchanged
from tests.catalogue import noted
from tests.makers import make_sysadmin, signed_in
from tests.state import changed_users, lost, snapshot
from tests.worlds import ldap_server

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.in_turns]


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


def label_of(client: Client, server: LdapServer, field: str) -> str:
    """Return how the form calls a field."""
    form = client.get(reverse("ldap_servers:edit", args=[server.pk])).context["form"]
    return str(form.fields[field].label)


CASES = [pytest.param(bad, id=bad.name, marks=() if bad.fast else pytest.mark.whole) for bad in BAD]


class TestABadSetting:
    @pytest.mark.parametrize("bad", CASES)
    def test_is_named_and_neither_saved_nor_tried(
        self, bad: Bad, client: Client, home: Ear, tmp_path: Path, settings: Settings
    ) -> None:
        server = corp(home.url)
        before = snapshot()
        for name, value in bad.settings.items():
            setattr(settings, name, value)
        expected = f"the field {bad.key} is named, nothing is saved, nobody is contacted"
        with noted("settings", bad.name, how=", ".join(bad.ways), expected=expected) as row:
            messages = []
            if COMMAND in bad.ways:
                code, err = applied(tmp_path / "file.json", {"name": "Corp", **bad.values})
                messages.append(err.partition(f"{bad.key}: ")[2].partition("\n")[0])
                assert code != 0
                assert f"{bad.key}: " in err
                assert bad.problem in messages[0]
            if PAGE in bad.ways:
                response = saved_by_page(client, server, bad.values)
                assert response.status_code == 200
                assert bad.key in response.context["form"].errors, response.context["form"].errors
                messages.append(" ".join(response.context["form"].errors[bad.key]))
                assert bad.ways[0] != PAGE or bad.problem in messages[-1]
            if TEST in bad.ways:
                alert = alert_of(tried(client, server, bad.values))
                assert f"{label_of(client, server, bad.key)}: " in alert or "Enter the bind password" in alert
            assert (home.connections, home.received) == (0, b"")
            unchanged(row, before, next(filter(None, messages)))

    @pytest.mark.parametrize(("name", "content", "problem"), FILES, ids=[name for name, _, _ in FILES])
    def test_in_a_file_changes_nothing(self, name: str, content: bytes, problem: str, tmp_path: Path) -> None:
        corp("ldaps://corp.invalid")
        before = snapshot()
        expected = "exit code 1, the key or the place is named, nothing is changed"
        with noted("settings", f"a JSON file: {name}", how=COMMAND, expected=expected) as row:
            code, err = applied(tmp_path / "file.json", content)
            assert code == 1
            assert problem in err
            unchanged(row, before, err.replace(f"{tmp_path}/", "").replace("\n", " "))


class TestWhatIsAllowedWithAWarning:
    def test_a_password_in_the_clear(self, client: Client, tmp_path: Path) -> None:
        expected = "saved; a red warning on the list, the server's page and “Test connection”, and from the command"
        how = f"{PAGE}, {TEST}, {COMMAND}: ldap:// without StartTLS to another machine, with a bind password"
        with noted("settings", "a bind password without TLS", how=how, expected=expected) as row:
            server = corp("ldap://dc1.invalid")
            before = snapshot()
            pages = [
                client.get(reverse("ldap_servers:list")).content,
                client.get(reverse("ldap_servers:edit", args=[server.pk])).content,
                tried(client, server, {}),
            ]
            code, err = applied(tmp_path / "file.json", {"name": "Corp"})
            for page in pages:
                assert "goes unencrypted over the network to ldap://dc1.invalid" in on_the_page(page)
            assert code == 0
            assert "goes unencrypted over the network to ldap://dc1.invalid" in err
            server.refresh_from_db()
            assert server.bind_password == SECRET
            after = snapshot()
            row.saw(alert_of(pages[0]), wrongly_changed=len(changed_users(before, after)), lost=lost(before, after))

    @pytest.mark.parametrize("change", [{"start_tls": True}, {"urls": ["ldaps://dc1.invalid"]}, {"bind_dn": ""}])
    def test_no_warning_where_nothing_goes_in_the_clear(self, change: dict[str, Any], client: Client) -> None:
        values = {"urls": ["ldap://dc1.invalid"], "bind_dn": READER, "bind_password": SECRET} | change
        if not values["bind_dn"]:
            values["bind_password"] = ""
        ldap_server("", **values)

        assert "unencrypted" not in on_the_page(client.get(reverse("ldap_servers:list")).content)

    def test_certificates_that_are_not_checked(self, client: Client) -> None:
        expected = "saved; a red warning on the list and the server's page"
        with noted("settings", "certificates not checked", how=PAGE, expected=expected) as row:
            server = corp("ldaps://dc1.invalid", verify_certificates=False)
            pages = [
                client.get(reverse("ldap_servers:list")).content,
                client.get(reverse("ldap_servers:edit", args=[server.pk])).content,
            ]
            for page in pages:
                assert "Certificates are not checked" in on_the_page(page)
            row.saw(alert_of(pages[0]), wrongly_changed=0)

    def test_two_servers_that_claim_the_same_people(self, client: Client, tmp_path: Path) -> None:
        expected = "saved; a warning that names the other server, on the list, its page and from the command"
        how = f"{PAGE}, {COMMAND}: the same search base, scope and filter, spelled differently"
        with noted("settings", "two servers with the same people", how=how, expected=expected) as row:
            first = corp("ldaps://dc1.invalid", search_base="dc=example,dc=com", search_filter="(objectClass=person)")
            given = {
                "name": "Second",
                "urls": ["ldaps://dc2.invalid"],
                "search_base": "DC=Example, DC=com",
                "search_filter": "(objectclass=PERSON)",
            }
            code, err = applied(tmp_path / "file.json", given)
            page = on_the_page(client.get(reverse("ldap_servers:edit", args=[first.pk])).content)
            assert code == 0
            assert "Second: Corp has the same" in err
            assert "Second" in page
            assert "claim the same people" in page
            row.saw(err.strip(), wrongly_changed=0)


class TestAnUnchangedAddress:
    def test_stays_allowed_at_the_page_when_the_command_line_allowed_it(
        self, client: Client, home: Ear, settings: Settings
    ) -> None:
        server = corp(home.url)
        settings.LDAP_PORTS, settings.LDAP_LOOPBACK = frozenset({389, 636}), False

        response = saved_by_page(client, server, {"page_size": 77})

        assert response.status_code == 302
        server.refresh_from_db()
        assert (server.page_size, server.bind_password, server.urls) == (77, SECRET, [home.url])
