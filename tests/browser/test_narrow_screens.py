"""Pages on a telephone's screen: sentences stay readable in tables, and nothing widens the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from directory.models import Alert, AlertKind
from tests.makers import NOW, PASSWORD, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
SENTENCE = "Directory sync held back. Kestrel College: 3 of 3 holders of the role All Org Manager would lose it."


@pytest.fixture
def narrow(page: Page, live_server: LiveServer) -> Page:
    """A browser window of 360 pixels in which a SYSADMIN has just signed in."""
    make_sysadmin("admin")
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{live_server.url}/alerts/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page


def width_of_the_page(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_a_table_scrolls_instead_of_showing_one_word_a_line(narrow: Page, live_server: LiveServer) -> None:
    Alert.objects.create(kind=AlertKind.HELD_BACK, message=SENTENCE, created_at=NOW)
    narrow.goto(f"{live_server.url}/alerts/")

    box = narrow.get_by_role("cell", name=SENTENCE).bounding_box()

    assert box is not None
    assert box["width"] >= 200
    assert width_of_the_page(narrow) == 360


def test_a_data_fix_that_asks_first_is_as_wide_as_the_screen(narrow: Page, live_server: LiveServer) -> None:
    make_user("a.username.that.is.as.long.as.a.distinguished.name.without.any.blank")
    narrow.goto(f"{live_server.url}/data-fixes/orgs/user/?q=distinguished")
    narrow.locator("input[name=_selected_action]").check()
    narrow.locator("select[name=action]").first.select_option(label="Block the chosen users")
    narrow.get_by_role("button", name="Go").first.click()

    narrow.get_by_role("button", name="Yes, do it").wait_for()

    assert width_of_the_page(narrow) == 360
