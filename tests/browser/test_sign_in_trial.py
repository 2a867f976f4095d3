"""“Test sign-in” in a browser: with the keyboard alone, accessible, and nothing is saved by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from directory.models import LdapServer
from tests.directories import Directory
from tests.makers import PASSWORD, make_sysadmin
from tests.sign_ins import PEOPLE, asks, password_of, people_ldif

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def directory() -> Iterator[Directory]:
    with Directory(ldif=people_ldif("ann")) as directory:
        yield directory


def test_is_done_by_keyboard_and_saves_nothing(page: Page, live_server: LiveServer, directory: Directory) -> None:
    server = asks(directory)
    make_sysadmin("ada")
    page.goto(f"{live_server.url}/settings/security/ldap/{server.pk}/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    part = page.get_by_role("group", name="Test sign-in of a person")
    part.get_by_label("Username").fill("ann")
    part.get_by_label("Password").fill("wrong")

    part.get_by_label("Password").press("Enter")

    expect(part.get_by_text("the server says that the password is wrong")).to_be_visible(timeout=15_000)
    part.get_by_label("Password").fill(password_of("ann"))
    part.get_by_label("Password").press("Tab")
    part.get_by_role("button", name="Test sign-in").press("Enter")
    expect(part.get_by_text("the server takes the password")).to_be_visible(timeout=15_000)
    expect(part.get_by_text(f"found at uid=ann,{PEOPLE}")).to_be_visible()
    assert LdapServer.objects.get().version == server.version
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    # What is typed here is not saved, so nobody is asked about it.
    page.get_by_role("link", name="Back without saving").click()
    expect(page).to_have_url(f"{live_server.url}/settings/security/ldap/")
