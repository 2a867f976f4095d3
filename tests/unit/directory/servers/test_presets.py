"""Presets are settings to begin with that pass the product's own checks, decide what they say, and are never forced."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from directory.ldap.connection_test.connection_test import ConnectionStep
from directory.ldap.errors import Stage
from directory.models import LdapServer
from directory.models.servers.attribute_settings import DEFAULT_ALWAYS_LISTS
from directory.scripts import script_hints
from directory.scripts.sandbox.sandbox import Sandbox
from directory.servers.presets import ALWAYS_LISTS, BY_KEY, PRESETS, Preset, suggested
from directory.values import server_fields
from directory.values.ldap import Entry
from directory.values.scripts import Scripts, Verdict
from directory.values.server_field_kinds import FieldSection
from tests.attacks.forms import as_sent
from tests.makers import make_server, make_sysadmin, signed_in

KEYS = sorted(BY_KEY)
NEVER, LONG_AGO, FAR_OFF = "9223372036854775807", "116444736000000000", "2650467744000000000"


def verdict(key: str, dn: str, **attributes: str | list[str]) -> Verdict:
    settings: Any = BY_KEY[key].settings
    scripts = Scripts(settings["active_script"], settings["org_name_script"], settings["role_name_script"])
    values = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in attributes.items()}
    always = frozenset(name.lower() for name in settings["always_list_attributes"])
    with Sandbox(scripts, always) as sandbox:
        [found] = sandbox.evaluate([Entry(dn, values)])
    assert found.error is None
    return found


def fill_in(client: Client, address: str, key: str, **typed: Any) -> Any:
    return client.post(address, {**typed, "fill_in": "", "preset": key})


DOMAIN_DN = "CN=Jane,OU=Research\\, Labs,OU=Staff,DC=example,DC=com"


@pytest.mark.parametrize("key", ["active-directory", "samba"])
@pytest.mark.parametrize(
    ("control", "expires", "active"),
    [
        ("512", NEVER, True),
        ("512", "0", True),
        ("514", NEVER, False),
        ("66050", NEVER, False),
        ("512", LONG_AGO, False),
        ("512", FAR_OFF, True),
    ],
)
def test_a_domain_account_is_active_unless_disabled_or_expired(
    key: str, control: str, expires: str, active: bool
) -> None:
    found = verdict(key, DOMAIN_DN, userAccountControl=control, accountExpires=expires)

    # Of whoever is inactive nothing else is asked.
    assert (found.active, found.org_name, found.roles) == (active, "Research, Labs" if active else None, None)


def test_a_domain_account_without_an_expiry_is_active() -> None:
    assert verdict("active-directory", "CN=Jane,CN=Users,DC=example", userAccountControl="512").active
    assert verdict("active-directory", "CN=Jane,CN=Users,DC=example", userAccountControl="512").org_name is None


@pytest.mark.parametrize(("control", "active"), [("512", True), ("514", False)])
def test_the_global_catalog_knows_disabled_accounts(control: str, active: bool) -> None:
    assert verdict("global-catalog", DOMAIN_DN, userAccountControl=control).active is active


@pytest.mark.parametrize(
    ("lock", "active"), [(None, True), ("TRUE", False), ("true", False), ("FALSE", True), ("false", True)]
)
def test_389_directory_server_keeps_locks_as_text(lock: str | None, active: bool) -> None:
    found = verdict("389-ds", "uid=jane,cn=users,cn=accounts,dc=example", **({"nsAccountLock": lock} if lock else {}))

    assert (found.active, found.org_name) == (active, None)


@pytest.mark.parametrize(
    ("attributes", "active"),
    [
        ({}, True),
        ({"pwdAccountLockedTime": "000001010000Z"}, False),
        ({"pwdAccountLockedTime": "20260101120000Z"}, True),
        ({"shadowExpire": "-1"}, True),
        ({"shadowExpire": "1000"}, False),
        ({"shadowExpire": "40000"}, True),
    ],
)
def test_openldap_has_accounts_that_are_locked_or_end(attributes: dict[str, str], active: bool) -> None:
    assert verdict("openldap", "uid=jane,ou=People,dc=example", **attributes).active is active


def test_the_branch_of_all_people_is_no_org() -> None:
    assert verdict("google", "uid=jane,ou=Users,dc=example").org_name is None
    assert verdict("google", "uid=lisa,ou=Sales,ou=Users,dc=example").org_name == "Sales"


@pytest.mark.django_db
@pytest.mark.parametrize("preset", PRESETS, ids=KEYS)
class TestEach:
    def test_passes_the_products_own_checks_without_a_warning(self, preset: Preset, tmp_path: Path) -> None:
        warnings, printed = StringIO(), StringIO()
        call_command("ldapserver", "presets", preset.key, stdout=printed)
        file = tmp_path / "preset.json"
        file.write_text(printed.getvalue())

        call_command("ldapserver", "apply", str(file), stdout=StringIO(), stderr=warnings)

        server = LdapServer.objects.get(name=preset.name)
        assert warnings.getvalue() == ""
        assert script_hints.of_server(server) == {}
        assert {name: getattr(server, name) for name in preset.settings} == dict(preset.settings)

    def test_fills_the_form_in_and_stores_nothing(self, preset: Preset) -> None:
        server, client = make_server(), signed_in(make_sysadmin())
        for address in (reverse("ldap_servers:add"), reverse("ldap_servers:edit", args=[server.pk])):
            page = fill_in(client, address, preset.key)

            form = page.context["form"]
            assert {name: form[name].initial for name in preset.settings} == dict(preset.settings)
            assert "is filled in below and not saved yet" in page.content.decode()
        assert LdapServer.objects.get().search_filter == server.search_filter

    def test_is_saved_by_who_saves_the_form(self, preset: Preset) -> None:
        server, client = make_server(), signed_in(make_sysadmin())
        address = reverse("ldap_servers:edit", args=[server.pk])
        typed = as_sent(client.get(address).context["form"])
        form = as_sent(fill_in(client, address, preset.key, **typed).context["form"])

        answer = client.post(address, form)

        assert answer.status_code == 302, answer.context["form"].errors
        server.refresh_from_db()
        assert {name: getattr(server, name) for name in preset.settings} == dict(preset.settings)


@pytest.mark.django_db
class TestOverWhatIsTyped:
    def test_keeps_everything_but_its_own_settings(self) -> None:
        client, typed = (
            signed_in(make_sysadmin()),
            {"name": "Corp", "urls": "ldaps://dc1.example.com\nldaps://dc2.example.com"},
        )
        typed |= {"search_base": "dc=corp", "start_tls": "on", "groups_depth": "999", "limit_moves_percent": "7"}

        form = fill_in(client, reverse("ldap_servers:add"), "samba", **typed).context["form"]

        shown = as_sent(form)
        assert {name: shown[name] for name in typed} == typed
        assert "verify_certificates" not in shown
        assert form.errors == {}

    def test_shows_what_it_replaced(self) -> None:
        server, client = make_server(search_filter="(uid=a*)"), signed_in(make_sysadmin())
        address = reverse("ldap_servers:edit", args=[server.pk])
        typed = as_sent(client.get(address).context["form"]) | {
            "active_script": "function (entry) {\r\n  return 1;\r\n}"
        }

        replaced = fill_in(client, address, "samba", **typed).context["filled"].replaced

        assert ("Search filter", "(uid=a*)") in [(each.label, each.value) for each in replaced]
        assert ("Active script", "function (entry) {\n  return 1;\n}") in [
            (each.label, each.value) for each in replaced
        ]

    def test_replaces_nothing_that_is_there_already(self) -> None:
        client, address = signed_in(make_sysadmin()), reverse("ldap_servers:add")
        typed = as_sent(fill_in(client, address, "samba").context["form"])

        assert fill_in(client, address, "samba", **typed).context["filled"].replaced == ()

    def test_asks_for_the_secrets_again_that_a_page_cannot_show(self) -> None:
        client, typed = signed_in(make_sysadmin()), {"bind_password": "opensesame", "client_key": "a key"}

        page = fill_in(client, reverse("ldap_servers:add"), "samba", **typed).content.decode()

        assert "Enter again, as a page never shows it: Bind password, Client key." in page
        assert "opensesame" not in page
        assert "a key" not in page

    def test_of_another_editor_is_told_when_it_is_saved(self) -> None:
        server, client = make_server(), signed_in(make_sysadmin())
        address = reverse("ldap_servers:edit", args=[server.pk])
        typed = as_sent(client.get(address).context["form"])
        LdapServer.objects.update(version=2)

        form = as_sent(fill_in(client, address, "samba", **typed).context["form"])

        assert "Someone else has saved this server" in client.post(address, form).content.decode()


def test_they_are_listed_with_what_each_is_for() -> None:
    listed = StringIO()
    call_command("ldapserver", "presets", stdout=listed)

    assert [line.split()[0] for line in listed.getvalue().splitlines()] == [preset.key for preset in PRESETS]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "nonsense"])
def test_a_preset_that_is_none_fills_in_nothing(key: str) -> None:
    page = fill_in(signed_in(make_sysadmin()), reverse("ldap_servers:add"), key, search_filter="(uid=a*)")

    assert page.context["form"]["search_filter"].value() == "(uid=a*)"
    assert "Choose a preset first" in page.content.decode()


@pytest.mark.parametrize(
    ("product", "is_domain", "host", "port", "key"),
    [
        ("Active Directory", True, "dc1", 636, "active-directory"),
        ("Active Directory", True, "dc1", 3269, "global-catalog"),
        ("Samba Team (https://www.samba.org)", True, "dc1", 636, "samba"),
        ("389 Project 389-Directory/2.3.1 B2023.025.0000", False, "ds", 636, "389-ds"),
        ("OpenLDAP", False, "ldap", 389, "openldap"),
        ("", False, "ldap.google.com", 636, "google"),
        ("Some Vendor 7", False, "ldap", 389, None),
        ("", False, "ldap", 389, None),
    ],
)
def test_what_a_server_says_of_itself_chooses_one(
    product: str, is_domain: bool, host: str, port: int, key: str | None
) -> None:
    found = suggested(product, is_domain=is_domain, host=host, port=port)

    assert (found.key if found else None) == key


@pytest.mark.django_db
def test_a_test_of_the_connection_shows_the_one_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    server, client = make_server(), signed_in(make_sysadmin())
    steps = [
        ConnectionStep(Stage.BIND, ok=True, detail="signed in", url="ldaps://dc1:636"),
        ConnectionStep(Stage.BASE, True, "found", "ldaps://dc1:636", "Samba Team (https://www.samba.org)", True),
    ]
    monkeypatch.setattr("directory.actions.server_trials.try_connection", lambda *_: steps)
    address = reverse("ldap_servers:edit", args=[server.pk])
    given = as_sent(client.get(address).context["form"])

    test, headers = reverse("ldap_servers:test-connection", args=[server.pk]), {"HX-Request": "true"}
    page = client.post(test, given, headers=headers).content.decode()
    filled = as_sent(fill_in(client, address, "samba").context["form"])
    again = client.post(test, filled, headers=headers).content.decode()
    without_script = client.post(test, given).content.decode()

    assert 'name="fill_in" value="samba"' in page
    assert "fill_in" not in again
    assert "Go back and choose it" in without_script
    assert LdapServer.objects.get().search_filter == server.search_filter


def test_they_set_what_there_is_and_no_connection() -> None:
    for preset in PRESETS:
        proposed = FieldSection.SEARCH, FieldSection.ATTRIBUTES, FieldSection.SCRIPTS
        assert set(preset.settings) <= set(server_fields.in_section(*proposed))
        assert preset.facts
    assert ALWAYS_LISTS == DEFAULT_ALWAYS_LISTS
