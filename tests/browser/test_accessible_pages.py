"""Every page that can be opened, with axe: light and dark, wide and narrow, and never wider than the window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.attacks import urls
from tests.attacks.urls import GROUPS, OPEN, PAGES, SHOWN, of_area
from tests.attacks.world import World, make_world
from tests.browser.looks import LOOKS
from tests.makers import PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def world(transactional_db: None) -> World:
    return make_world()


@pytest.fixture
def signed(page: Page, live_server: LiveServer, world: World) -> Page:
    """A browser in which the SYSADMIN of the world has just signed in."""
    page.goto(f"{live_server.url}/sign-in/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return page


def faults(page: Page, address: str, looks: list[tuple[str, int]]) -> Iterator[str]:
    """Yield what axe says of a page in each of the looks, and where it is wider than the window."""
    for scheme, width in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
        results = Axe().run(page)
        if results.violations_count:
            yield f"{address} {scheme} {width}: {results.generate_report()}"
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wider > 0:
            yield f"{address} {scheme} {width}: {wider} px wider than the window"


def check(page: Page, live_server: LiveServer, addresses: list[str], looks: int) -> None:
    """Look at each address in so many looks; another one comes first at each, so that a quick run sees all looks."""
    found = [
        fault
        for number, address in enumerate(addresses)
        for fault in faults(page, live_server.url + address, [LOOKS[(number + n) % len(LOOKS)] for n in range(looks)])
    ]
    assert not found, "\n\n".join(found)


HOW_MANY = [1, pytest.param(len(LOOKS), marks=pytest.mark.whole)]


@pytest.mark.parametrize("looks", HOW_MANY)
@pytest.mark.parametrize("area", sorted({PAGES[name].area for name in SHOWN}))
def test_each_page_of_an_area(area: str, looks: int, signed: Page, live_server: LiveServer, world: World) -> None:
    addresses = [page.address(world) for page in of_area(area, SHOWN)]

    # The others answer with a file, not with a page.
    check(signed, live_server, [address for address in addresses if address.endswith("/")], looks)


@pytest.mark.parametrize("looks", HOW_MANY)
def test_each_page_before_the_sign_in(looks: int, page: Page, live_server: LiveServer, world: World) -> None:
    names = [name for name in sorted(OPEN) if name in PAGES and "GET" in PAGES[name].methods]

    check(page, live_server, [PAGES[name].address(world) for name in names if name != "session:state"], looks)


@pytest.mark.whole
@pytest.mark.parametrize("group", GROUPS)
def test_each_page_of_data_fixes(group: str, signed: Page, live_server: LiveServer) -> None:
    addresses = [address for model in GROUPS[group] for address in urls.data_fixes_of(model)]

    check(signed, live_server, addresses, len(LOOKS))


def test_pages_of_data_fixes(signed: Page, live_server: LiveServer) -> None:
    addresses = ["/data-fixes/", "/data-fixes/orgs/", *urls.data_fixes_of("orgs_user")[:3]]

    check(signed, live_server, addresses, 1)
