"""Devices and archives in a real browser: a device is replaced, archives are kept longer, and everything with axe."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.actions import devices
from orgs.actions.devices_by_hand import replacement, states
from orgs.models import Archive, Device, User
from orgs.rules.actors import SYSTEM
from tests.browser.looks import in_every_look
from tests.makers import PASSWORD, make_device, make_matter, make_org, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def wendy() -> User:
    """Somebody with an old laptop, and with a new one that has signed in."""
    make_sysadmin("admin")
    wendy = make_user("wendy", org=make_org("Northmere"))
    make_device(wendy, "old-laptop")
    make_device(wendy, "new-laptop", size_bytes=10**9)
    Device.objects.filter(name="new-laptop").update(os="macOS 15", last_connected=timezone.now())
    return wendy


@pytest.fixture
def each_state(wendy: User) -> dict[str, Device]:
    """A device in each state: cold and due soon, blocked and signed out, replaced, and one on hold."""
    now = timezone.now()
    found = {name: make_device(wendy, name) for name in ("cold", "blocked", "before", "after")}
    devices.deactivate(device_ids=[found["cold"].pk], by=SYSTEM, at=now - timedelta(days=350))
    states.block(device_ids=[found["blocked"].pk], by=SYSTEM, at=now)
    states.deauthorize(device_ids=[found["blocked"].pk], by=SYSTEM, at=now)
    replacement.replace(device_id=found["before"].pk, computer_id=found["after"].pk, by=SYSTEM, at=now)
    will = make_user("will")
    found["on hold"] = make_device(will, "evidence")
    make_matter("Inquiry", will)
    return found


class Clicks:
    """Counts the clicks that a task takes."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, target: Locator) -> None:
        """Click there."""
        self.count += 1
        target.click()


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_device_is_replaced_in_three_clicks_from_its_page(page: Page, live_server: LiveServer, wendy: User) -> None:
    old, click = Device.objects.get(name="old-laptop"), Clicks()
    sign_in(page, f"{live_server.url}/devices/{old.pk}/")

    click.on(page.get_by_role("link", name="Replace…"))
    expect(page.get_by_label("new-laptop · macOS 15")).to_be_checked()
    click.on(page.get_by_role("button", name="Show the effects"))
    expect(page.get_by_role("heading", name="Put new-laptop in place of old-laptop?")).to_be_visible()
    expect(page.get_by_text("old-laptop can't back up or restore as this device any more.")).to_be_visible()
    click.on(page.get_by_role("button", name="Replace"))

    expect(page.get_by_text("new-laptop has taken the place")).to_be_visible()
    expect(page.get_by_role("heading", name="new-laptop")).to_be_visible()
    expect(page.get_by_text(old.guid, exact=True)).to_be_visible()
    assert click.count == 3
    place = Device.objects.get(pk=old.pk)
    assert (place.name, place.active, Archive.objects.get(device=place).state) == ("new-laptop", True, "live")


def test_what_is_due_soon_is_kept_longer_from_the_list(
    page: Page, live_server: LiveServer, each_state: dict[str, Device]
) -> None:
    click = Clicks()
    sign_in(page, f"{live_server.url}/archives/?expiry=30")

    expect(page.get_by_text("1 to 1 of 1")).to_be_visible()
    click.on(page.get_by_role("link", name="Keep these longer…"))
    page.get_by_label("Keep until").fill(str(timezone.localdate() + timedelta(days=400)))
    click.on(page.get_by_role("button", name="Show the effects"))
    expect(page.get_by_role("heading", name="Keep 1 archive until")).to_be_visible()
    click.on(page.get_by_role("button", name="Keep longer"))

    expect(page.get_by_text("Kept longer: 1.")).to_be_visible()
    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    assert click.count == 3


@in_every_look(3)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    page: Page, live_server: LiveServer, each_state: dict[str, Device], theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    sign_in(page, f"{live_server.url}/devices/")
    ids = {name: device.pk for name, device in each_state.items()}
    old = Device.objects.get(name="old-laptop").pk
    new = Device.objects.get(name="new-laptop").pk
    cold = Archive.objects.get(device=ids["cold"]).pk
    day = timezone.localdate() + timedelta(days=400)
    pages = ["/devices/", *(f"/devices/{pk}/" for pk in ids.values()), f"/devices/{ids['before']}/audit/"]
    pages += [f"/devices/{old}/{act}/" for act in ("replace", "deactivate", "block", "deauthorize")]
    pages += [f"/devices/{old}/replace/?computer={new}", f"/devices/{ids['cold']}/reactivate/"]
    pages += [f"/devices/{ids['blocked']}/{act}/" for act in ("unblock", "authorize")]
    pages += [f"/devices/{ids['on hold']}/deactivate/", "/archives/", "/archives/?size=1tb", "/archives/by-org/"]
    pages += ["/archives/due/", f"/archives/{cold}/keep-longer/", f"/archives/keep-longer/?until={day}"]

    for address in pages:
        page.goto(live_server.url + address)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") == width, address


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_a_device_is_replaced(page: Page, live_server: LiveServer, wendy: User) -> None:
    old = Device.objects.get(name="old-laptop")
    sign_in(page, f"{live_server.url}/devices/{old.pk}/replace/")

    page.get_by_role("button", name="Show the effects").click()
    page.get_by_role("button", name="Replace").click()

    expect(page.get_by_text("new-laptop has taken the place")).to_be_visible()


def test_an_act_in_the_menu_is_done_by_keyboard_alone(page: Page, live_server: LiveServer, wendy: User) -> None:
    old = Device.objects.get(name="old-laptop")
    sign_in(page, f"{live_server.url}/devices/{old.pk}/")

    page.get_by_label("More acts").press("Enter")
    page.get_by_role("link", name="Block…").press("Enter")
    expect(page.get_by_role("heading", name="Block old-laptop?")).to_be_visible()
    page.get_by_role("button", name="Block").press("Enter")

    expect(page.get_by_text("old-laptop is blocked.")).to_be_visible()
