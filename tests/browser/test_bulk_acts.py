"""200 people are moved at once and put back, in a real browser with a real worker; clicks are counted, and axe looks."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.models import Org
from tests.browser.looks import in_every_look
from tests.makers import PASSWORD, make_org, make_sysadmin, make_users

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
PEOPLE = 200


class Hand:
    """Clicks, and counts."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    def click(self, role: Any, name: str) -> None:
        self.page.get_by_role(role, name=name).first.click()
        self.clicks += 1


@pytest.fixture
def north() -> Org:
    """The org to move to; there are 200 people in another one, and 1,000 more elsewhere."""
    make_sysadmin("admin")
    make_users([f"person{number:03}" for number in range(PEOPLE)])
    make_users([f"other{number:04}" for number in range(1000)])
    return make_org("Northmere")


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def no_problem(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_moves_200_people_at_once_and_puts_them_back(
    page: Page, live_server: LiveServer, north: Org, worker: subprocess.Popen[bytes]
) -> None:
    sign_in(page, f"{live_server.url}/users/?q=person&per_page=200")
    hand = Hand(page)

    hand.click("checkbox", f"Select all {PEOPLE} users of this list")
    hand.click("button", "Move…")
    page.get_by_label("New org").select_option(label="\u2003Northmere")
    hand.click("button", "Show the effects")
    page.get_by_label("Number of chosen users").fill(str(PEOPLE))
    hand.click("button", f"Move {PEOPLE}")
    expect(page.get_by_text("Show the results")).to_be_visible(timeout=60_000)
    assert north.users.count() == PEOPLE
    # The box, the act, the org, the question: so many clicks, beside the choice of the org and the typed number.
    assert hand.clicks == 4

    page.reload()
    hand.click("button", "Undo…")
    page.get_by_label("Number of chosen users").fill(str(PEOPLE))
    hand.click("button", f"Move {PEOPLE}")
    expect(page.get_by_text("Show the results")).to_be_visible(timeout=60_000)
    assert north.users.count() == 0
    assert hand.clicks == 6


def test_rows_are_ticked_by_keyboard(page: Page, live_server: LiveServer, north: Org) -> None:
    sign_in(page, f"{live_server.url}/users/?q=person00")
    first = page.get_by_role("checkbox", name="Select person000")

    first.focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.get_by_role("checkbox", name="Select all on this page").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("10 selected")).to_be_visible()
    page.get_by_role("button", name="Block…", exact=True).focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Block 10 users?")).to_be_visible()


@in_every_look(0)
def test_axe_finds_nothing(page: Page, live_server: LiveServer, north: Org, width: int, theme: Any) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    page.set_default_timeout(60_000)
    sign_in(page, f"{live_server.url}/users/?q=person")

    page.get_by_role("checkbox", name="Select person000").check()
    no_problem(page)
    page.get_by_role("button", name="Move…").click()
    expect(page.get_by_label("New org")).to_be_visible()
    no_problem(page)
    page.get_by_label("New org").select_option(label="\u2003Northmere")
    page.get_by_role("button", name="Show the effects").click()
    expect(page.get_by_role("button", name="Move 1", exact=True)).to_be_visible()
    no_problem(page)
    page.get_by_role("button", name="Move 1", exact=True).click()
    expect(page.get_by_text("It has begun")).to_be_visible(timeout=60_000)
    no_problem(page)
    page.goto(f"{live_server.url}/bulk-acts/")
    no_problem(page)
