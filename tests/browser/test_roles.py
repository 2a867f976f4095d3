"""Roles in a real browser: who can give roles in two clicks, a copy and its permissions, and every page with axe."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.models import Role, User
from tests.browser.looks import in_every_look
from tests.makers import PASSWORD, make_org, make_role, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def clerk() -> Role:
    """A custom role with one holder, beside an org admin."""
    make_sysadmin("admin")
    role = make_role("Clerk", "admin.user.read")
    make_user("wendy", org=make_org("Left"), roles=["Clerk"])
    make_user("olga", org=make_org("Right"), roles=["Org Admin"])
    return role


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_who_can_give_roles_is_found_in_two_clicks(page: Page, live_server: LiveServer, clerk: Role) -> None:
    sign_in(page, f"{live_server.url}/")

    page.get_by_role("link", name="Roles", exact=True).click()
    page.get_by_role("link", name="give roles").click()

    expect(page.get_by_role("link", name="olga")).to_be_visible()
    expect(page.get_by_role("link", name="wendy")).to_have_count(0)
    page.get_by_role("link", name="olga").click()
    expect(page.get_by_role("heading", name="What olga can do, and where")).to_be_visible()


def test_a_copy_is_made_and_changed(page: Page, live_server: LiveServer, clerk: Role) -> None:
    sign_in(page, f"{live_server.url}/roles/{clerk.pk}/")

    page.get_by_role("link", name="Make a copy…").click()
    page.get_by_label("Name").fill("Front desk")
    page.get_by_role("button", name="Make the copy").click()
    page.get_by_label("See orgs, with their settings and registration keys.").check()
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("admin.org.read")).to_be_visible()
    page.get_by_role("button", name="Save the role").click()

    expect(page.get_by_text("Front desk is saved.")).to_be_visible()
    assert Role.objects.get(name="Front desk").permissions == ["admin.org.read", "admin.user.read"]


@in_every_look(0)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    page: Page, live_server: LiveServer, clerk: Role, theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    sign_in(page, f"{live_server.url}/roles/")
    own, olga = f"/roles/{clerk.pk}/", User.objects.get(username="olga")
    pages = ["/roles/", own, own + "copy/", own + "edit/", own + "delete/", "/roles/who-can/"]
    pages += ["/roles/who-can/?permission=admin.user", f"/users/{olga.pk}/powers/"]

    for address in pages:
        page.goto(live_server.url + address)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") == width, address
