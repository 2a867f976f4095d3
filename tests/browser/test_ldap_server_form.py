"""The form of an LDAP server in a browser: presets over what is typed, and what the Enter key does."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Dialog, Page, expect
from pytest_django.live_server_helper import LiveServer

from directory.ldap.connection_test.connection_test import ConnectionStep
from directory.ldap.errors import Stage
from directory.models import LdapServer
from tests.directories import Authority
from tests.makers import PASSWORD, make_server, make_sysadmin

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def form(page: Page, live_server: LiveServer) -> Page:
    """The page of a new LDAP server, opened by a SYSADMIN."""
    make_sysadmin("admin")
    page.goto(f"{live_server.url}/settings/security/ldap/add/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="New LDAP server").wait_for()
    return page


def test_a_preset_leaves_what_is_typed_and_the_password(form: Page) -> None:
    form.get_by_label("URLs").fill("ldaps://dc1.example.com")
    form.get_by_label("Bind password").fill("opensesame")
    form.get_by_label("Search filter").fill("(uid=a*)")
    form.get_by_label("Preset").select_option("Samba AD")

    form.get_by_role("button", name="Fill in").press("Enter")

    filled = form.get_by_text("“Samba AD” is filled in below and not saved yet.")
    expect(filled).to_be_focused()
    expect(form.get_by_label("URLs")).to_have_value("ldaps://dc1.example.com")
    expect(form.get_by_label("Bind password")).to_have_value("opensesame")
    expect(form.get_by_label("Search filter")).to_have_value("(&(objectCategory=person)(objectClass=user))")
    expect(form.get_by_label("Active script")).to_have_value(re.compile("accountExpires"))
    form.get_by_text("1 value was replaced").click()
    expect(form.get_by_text("(uid=a*)")).to_be_visible()


def test_a_suggested_preset_is_filled_in_and_seen(form: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ConnectionStep(Stage.BASE, True, "found", "ldaps://dc1.example.com", "Samba Team", True)
    monkeypatch.setattr("directory.actions.server_trials.try_connection", lambda *_: [found])
    typed = {"URLs": "ldaps://dc1.example.com", "Bind DN": "cn=a", "Bind password": "opensesame", "Search base": "dc=a"}
    for label, value in typed.items():
        form.get_by_label(label).fill(value)
    form.get_by_role("button", name="Test connection").click()

    form.get_by_role("button", name="Fill it in").click()

    filled = form.get_by_text("“Samba AD” is filled in below and not saved yet.")
    expect(filled).to_be_focused()
    expect(filled).to_be_in_viewport()
    expect(form.get_by_label("Preset")).to_have_value("samba")
    expect(form.get_by_label("Bind password")).to_have_value("opensesame")


def test_leaving_after_a_preset_asks_first(form: Page) -> None:
    dialogs: list[str] = []

    def leave(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.accept()

    form.on("dialog", leave)
    form.get_by_label("Preset").select_option("Samba AD")
    form.get_by_role("button", name="Fill in").click()
    form.get_by_text("is filled in below").wait_for()

    form.get_by_role("link", name="Back without saving").click()
    form.get_by_role("heading", name="LDAP servers").wait_for()

    assert dialogs == ["beforeunload"]


def test_the_enter_key_saves(live_server: LiveServer, form: Page) -> None:
    server = make_server("Corp")
    form.goto(f"{live_server.url}/settings/security/ldap/{server.pk}/")
    form.get_by_label("Name", exact=False).first.fill("Corp 2")

    form.get_by_label("Name", exact=False).first.press("Enter")

    expect(form.get_by_text("Corp 2 is saved.")).to_be_visible()
    assert LdapServer.objects.get().name == "Corp 2"


def without_violations(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_form_is_accessible_with_everything_that_it_can_show(
    theme: Literal["light", "dark"], form: Page, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = Authority().issue_to("CN=rollcall")
    corp = make_server("Corp", client_certificate=certificate, client_key=key, resolve_groups=True)
    url = "ldaps://ldap.invalid"
    steps = [
        ConnectionStep(Stage.FILTER, True, "3 entries found", url, "Samba Team", True),
        ConnectionStep(Stage.GROUPS, False, "“Base of groups”: No such object", url, "Samba Team", True),
    ]
    monkeypatch.setattr("directory.actions.server_trials.try_connection", lambda *_: steps)
    form.emulate_media(color_scheme=theme, reduced_motion="reduce")
    form.reload()
    without_violations(form)

    form.goto(f"{live_server.url}/settings/security/ldap/{corp.pk}/")
    expect(form.locator("html")).to_have_attribute("data-bs-theme", theme)
    expect(form.get_by_label("Client certificate", exact=True)).to_have_value(re.compile("BEGIN CERTIFICATE"))
    expect(form.get_by_label("Resolve groups")).to_be_checked()
    without_violations(form)

    form.get_by_role("button", name="Test connection").click()
    form.get_by_text("“Base of groups”: No such object").wait_for()
    without_violations(form)

    form.get_by_label("Base of groups").fill("nonsense")
    form.get_by_label("Client certificate", exact=True).fill("nonsense")
    form.get_by_label("URLs").fill("http://nonsense")
    form.get_by_role("button", name="Save").click()
    form.locator(".invalid-feedback").first.wait_for()
    without_violations(form)
