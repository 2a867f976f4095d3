"""A second factor in a real browser: a code app, a passkey of a virtual authenticator, a recovery code; and axe on each page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from console.models import ConsoleSession
from directory.models import SyncSettings
from orgs.actions import roles
from orgs.models import AuditEntry, Role, User
from orgs.rules.actors import SYSTEM
from tests.makers import NOW, PASSWORD, make_sysadmin
from tests.second_factors import code_now, make_code_app

pytestmark = [pytest.mark.usefixtures("transactional_db"), pytest.mark.once]


@pytest.fixture
def admin() -> User:
    return make_sysadmin("admin")


@pytest.fixture
def authenticator(page: Page) -> Iterator[Any]:
    """A virtual authenticator of Chromium, as a laptop with a finger reader has one."""
    developer_tools = page.context.new_cdp_session(page)
    developer_tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    developer_tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield developer_tools
    developer_tools.send("WebAuthn.disable")


def give_password(page: Page, live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/sign-in/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page: Page) -> None:
    page.get_by_text("admin", exact=True).first.click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


# Pages that axe has looked at already: they come again and again on the way to others.
LOOKED_AT: set[str] = set()


def is_accessible(page: Page) -> None:
    """Look at the page with axe, once: light and dark, wide and narrow."""
    name = page.title()
    if name in LOOKED_AT:
        return
    LOOKED_AT.add(name)
    for width in (1400, 360):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
            # Colours pass over from one scheme to the other, however fast; only pictures make headless Chromium draw.
            for _ in range(3):
                page.screenshot()
            results = Axe().run(page)
            assert results.violations_count == 0, f"{page.url} {width} {scheme}: {results.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{page.url} at {width}"
    page.set_viewport_size({"width": 1400, "height": 900})


def set_up_code_app(page: Page) -> tuple[str, list[str]]:
    """Set up a code app on its page; return the app's secret and the recovery codes."""
    expect(page.get_by_alt_text("The key as a picture")).to_be_visible()
    assert page.get_by_alt_text("The key as a picture").evaluate("picture => picture.naturalWidth > 0")
    is_accessible(page)
    secret = page.locator("code.strong").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(code_now(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    is_accessible(page)
    codes = page.locator(".codes code").all_inner_texts()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    saved = download.value.path().read_text()
    assert len(codes) == 10
    assert all(code in saved for code in codes)
    page.get_by_role("link", name="I have them: go on").click()
    return secret, codes


def sign_in_by_code(page: Page, live_server: LiveServer, code: str) -> None:
    give_password(page, live_server)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    is_accessible(page)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_a_code_app_and_a_recovery_code_let_one_in(page: Page, live_server: LiveServer, admin: User) -> None:
    page.goto(f"{live_server.url}/sign-in/")
    is_accessible(page)
    give_password(page, live_server)

    # From the dashboard: five clicks.
    page.get_by_text("admin", exact=True).first.click()
    page.get_by_role("link", name="Your account").click()
    is_accessible(page)
    page.get_by_role("link", name="Second factor").click()
    is_accessible(page)
    page.get_by_role("link", name="Set up a code app").click()
    secret, codes = set_up_code_app(page)

    # The code of the set-up has been used, so the next one is needed.
    sign_out(page)
    sign_in_by_code(page, live_server, code_now(secret, later=1))
    sign_out(page)
    sign_in_by_code(page, live_server, codes[3])
    expect(page.get_by_text("Codes left: 9")).to_be_visible()
    used = AuditEntry.objects.filter(action="signed in").order_by("pk").values_list("after__second_factor", flat=True)
    assert list(used) == ["none", "code app", "recovery code"]


def test_a_passkey_lets_one_in_and_confirms(
    page: Page, live_server: LiveServer, admin: User, authenticator: Any
) -> None:
    give_password(page, live_server)
    page.goto(f"{live_server.url}/account/second-factor/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("laptop")
    is_accessible(page)
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()

    sign_out(page)
    give_password(page, live_server)
    is_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    assert AuditEntry.objects.filter(action="signed in", after__second_factor="passkey").exists()

    page.goto(f"{live_server.url}/confirm/?next=/account/second-factor/")
    is_accessible(page)
    page.get_by_role("button", name="Confirm by passkey").click()
    expect(page.get_by_role("heading", name="Second factor", exact=True)).to_be_visible()
    expect(page.get_by_text("laptop")).to_be_visible()
    page.get_by_role("link", name="Remove…").click()
    is_accessible(page)
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("It is removed")).to_be_visible()
    expect(page.get_by_text("laptop")).not_to_be_visible()


def test_a_role_that_needs_one_leads_to_it(page: Page, live_server: LiveServer, admin: User) -> None:
    roles.require_second_factor(role=Role.objects.get(name="SYSADMIN"), needed=True, by=SYSTEM, at=NOW)
    give_password(page, live_server)

    expect(page.get_by_text("Set one up now. Until then nothing else opens.")).to_be_visible()
    is_accessible(page)
    page.goto(f"{live_server.url}/users/")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("link", name="Set up a code app").click()
    set_up_code_app(page)

    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_the_pages_of_administrators_are_accessible(page: Page, live_server: LiveServer, admin: User) -> None:
    boss = make_sysadmin("boss")
    make_code_app(boss)
    role = Role.objects.get(name="Org Admin")
    give_password(page, live_server)

    for address in (
        "/account/password/",
        "/account/sessions/end-others/",
        "/account/second-factor/recovery-codes/",
        f"/users/{boss.pk}/",
        f"/users/{boss.pk}/password/",
        f"/users/{boss.pk}/sessions/end/",
        f"/users/{boss.pk}/second-factor/reset/",
        f"/roles/{role.pk}/",
        f"/roles/{role.pk}/second-factor/",
    ):
        page.goto(f"{live_server.url}{address}")
        is_accessible(page)
    sign_out(page)
    for address in ("/sign-in/forgotten-password/", "/sign-in/new-password/"):
        page.goto(f"{live_server.url}{address}")
        is_accessible(page)


class TestASessionThatEndsWhileAFormIsOpen:
    @pytest.fixture
    def form(self, page: Page, live_server: LiveServer, admin: User) -> Page:
        """The page of notifications, with an address typed, whose session has ended meanwhile."""
        give_password(page, live_server)
        page.goto(f"{live_server.url}/settings/notifications/")
        page.get_by_label(re.compile("addresses", re.IGNORECASE)).fill("operators@example.com")
        ConsoleSession.objects.all().delete()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
        return page

    def test_goes_on_after_signing_in_in_place(self, form: Page) -> None:
        assert Axe().run(form).violations_count == 0
        form.get_by_label("Password").fill("wrong")
        form.get_by_role("button", name="Sign in").click()
        expect(form.get_by_text("do not fit together")).to_be_visible()
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_role("button", name="Sign in").click()

        expect(form.get_by_role("heading", name="Your session has ended")).not_to_be_visible()
        expect(form.get_by_role("status")).to_be_visible()
        assert SyncSettings.load().notification_addresses == ["operators@example.com"]

    def test_keeps_what_was_typed_for_who_does_not_sign_in(self, form: Page) -> None:
        form.keyboard.press("Escape")

        expect(form.get_by_role("heading", name="Your session has ended")).not_to_be_visible()
        expect(form.get_by_label(re.compile("addresses", re.IGNORECASE))).to_have_value("operators@example.com")
        assert SyncSettings.load().notification_addresses == []

    def test_keeps_nothing_in_the_browser(self, form: Page) -> None:
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_role("button", name="Sign in").click()
        # The form is sent then, and another page comes.
        expect(form.get_by_role("status")).to_be_visible()

        kept = form.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")

        assert PASSWORD not in kept
        assert "operators" not in kept

    def test_asks_for_the_second_factor_too(self, page: Page, live_server: LiveServer, admin: User) -> None:
        give_password(page, live_server)
        secret = make_code_app(admin)
        page.goto(f"{live_server.url}/settings/notifications/")
        page.get_by_label(re.compile("addresses", re.IGNORECASE)).fill("operators@example.com")
        ConsoleSession.objects.all().delete()
        page.get_by_role("button", name="Save").click()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Code").fill(code_now(secret))
        page.get_by_role("button", name="Go on").click()

        expect(page.get_by_role("heading", name="Your session has ended")).not_to_be_visible()
        expect(page.get_by_role("status")).to_be_visible()
        assert SyncSettings.load().notification_addresses == ["operators@example.com"]


def test_a_form_that_is_older_than_the_present_session_is_sent_all_the_same(
    page: Page, live_server: LiveServer, admin: User
) -> None:
    """Signing out and in again in another tab gives forms another token."""
    give_password(page, live_server)
    page.goto(f"{live_server.url}/settings/notifications/")
    page.get_by_label(re.compile("addresses", re.IGNORECASE)).fill("operators@example.com")
    other = page.context.new_page()
    other.goto(live_server.url)
    sign_out(other)
    give_password(other, live_server)

    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status")).to_be_visible()
    assert SyncSettings.load().notification_addresses == ["operators@example.com"]
