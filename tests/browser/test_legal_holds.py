"""Legal holds in a real browser: somebody is put on hold, the next run blocks them, and their release deactivates them."""

from __future__ import annotations

import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.actions import legal_holds
from orgs.actions.users import deactivation, local_passwords
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.browser.looks import in_every_look
from tests.integration.employer import Employer
from tests.makers import NOW, make_device, make_matter, make_policy, make_sysadmin, make_user
from tests.makers import PASSWORD as LOCAL_PASSWORD
from tests.worlds import NOON, again, device, user

# Milliseconds: a page that writes takes its time while other tests run.
PATIENCE = 30_000

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
PASSWORD = "correct horse battery staple"


class Clicks:
    """Clicks, and counts the clicks."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def on(self, target: Locator) -> None:
        """Click once."""
        target.click()
        self.count += 1

    def link(self, name: str) -> None:
        """Click a link."""
        self.on(self.page.get_by_role("link", name=name, exact=True).first)

    def button(self, name: str) -> None:
        """Click a button."""
        self.on(self.page.get_by_role("button", name=name))


@pytest.fixture
def sean(employer: Employer) -> User:
    """A leaver with a laptop; mia stays."""
    admin = user("admin", org_name="ADMIN", roles=["SYSADMIN"])
    local_passwords.set_password(user=admin, password=PASSWORD, by=SYSTEM, at=NOON)
    employer.hires("mia", mail="mia@example.com")
    user("mia")
    leaver = user("sean")
    device(leaver)
    employer.server(name="Head office")
    return leaver


def sign_in(page: Page, address: str, password: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def run(page: Page, button: str, ending: str) -> None:
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/history/*/")
    expect(page.locator("#run-progress")).to_contain_text(ending, timeout=60_000)


def test_a_person_is_put_on_hold_blocked_by_the_next_run_and_deactivated_by_the_release(
    page: Page, live_server: LiveServer, worker: subprocess.Popen[bytes], sean: User
) -> None:
    make_matter("Harbour Street")
    sign_in(page, live_server.url, PASSWORD)
    clicks = Clicks(page)

    # From the dashboard: the matter, search, choose, confirm.
    clicks.link("Legal holds")
    clicks.link("Harbour Street")
    clicks.link("Add custodians")
    page.get_by_label("Search").fill("sean")
    expect(page.locator("#found-users")).not_to_contain_text("mia", timeout=PATIENCE)
    clicks.on(page.get_by_label("Choose sean"))
    clicks.button("Put the chosen on hold…")
    expect(page.get_by_role("heading", name="Put on hold by Harbour Street?")).to_be_visible(timeout=PATIENCE)
    clicks.button("Put 1 user on hold")
    expect(page.get_by_text("1 user is on hold: sean.")).to_be_visible(timeout=PATIENCE)
    assert clicks.count == 6

    page.get_by_role("link", name="Security: LDAP", exact=True).click()
    run(page, "Simulate Synchronize", "planned")
    page.get_by_role("link", name="Security: LDAP", exact=True).click()
    page.get_by_role("link", name="Synchronize now").click()
    run(page, "Synchronize now", "applied")
    blocked = again(sean)
    assert (blocked.active, blocked.blocked, blocked.pending) == (True, True, True)

    # From the user's page: the tab, release, confirm.
    page.goto(f"{live_server.url}/users/{sean.pk}/")
    clicks = Clicks(page)
    page.get_by_role("navigation", name="Parts of this user").get_by_role("link", name="Legal holds").click()
    clicks.link("Release… Harbour Street")
    expect(page.get_by_text("Deactivated at once")).to_be_visible(timeout=PATIENCE)
    clicks.button("Release 1 user")
    expect(page.get_by_text("1 user is deactivated, as that was pending: sean.")).to_be_visible(timeout=PATIENCE)
    assert clicks.count == 2
    assert not again(sean).active
    assert Axe().run(page).violations_count == 0

    page.get_by_role("link", name="Harbour Street").first.click()
    page.get_by_role("link", name="Events", exact=True).click()
    for event in ("Put on hold", "Blocked instead of deactivated", "Released", "Pending deactivation carried out"):
        expect(page.locator("#event-list tbody")).to_contain_text(event)


@in_every_look(1)
def test_axe_finds_nothing_and_nothing_is_too_wide(page: Page, live_server: LiveServer, theme: str, width: int) -> None:
    make_sysadmin("admin")
    people = [make_user(f"somebody.with.a.long.name{number}", email="somebody@example.com") for number in range(12)]
    make_device(people[0])
    matter, closed = make_matter("Harbour Street", *people), make_matter("Audit", people[1])
    deactivation.deactivate(user_ids=[people[0].pk, people[1].pk], by=SYSTEM, at=NOW)
    legal_holds.close_matter(matter=closed, by=SYSTEM, at=NOW)
    free = make_user("wendy")
    policy = make_policy()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    sign_in(page, f"{live_server.url}/legal-holds/", LOCAL_PASSWORD)
    one, other = f"/legal-holds/{matter.pk}", f"/legal-holds/{closed.pk}"
    policies = "/legal-holds/policies"
    addresses = [
        "/legal-holds/",
        "/legal-holds/add/",
        *(f"{one}/{part}" for part in ("", "events/", "edit/", "close/", "find-custodians/", "list-custodians/")),
        f"{one}/release/?user={people[0].pk}&user={people[2].pk}",
        f"{one}/put-on-hold/?user={free.pk}",
        f"{one}/put-on-hold/",
        f"{other}/reopen/",
        f"{policies}/",
        f"{policies}/add/",
        *(f"{policies}/{policy.pk}/{part}" for part in ("", "edit/", "delete/")),
        f"/users/{people[0].pk}/legal-holds/",
    ]
    wrong = []
    for address in addresses:
        answer = page.goto(f"{live_server.url}{address}")
        assert answer is not None
        assert answer.ok, address
        wrong += look(page, address)
    page.goto(f"{live_server.url}{one}/")
    page.get_by_role("button", name="Release all 12…").click()
    page.get_by_text("and 2 more").first.click()
    wrong += look(page, "release all")
    page.goto(f"{live_server.url}{one}/list-custodians/")
    page.get_by_label("Or usernames").fill("wendy\nnobody\nsomebody.with.a.long.name3\n")
    page.get_by_role("button", name="Check the list").click()
    expect(page.get_by_text("1 to put on hold, 1 there already, 1 wrong.")).to_be_visible()
    wrong += look(page, "fates")

    assert wrong == []


def look(page: Page, address: str) -> list[str]:
    """Return what is wrong with the page that is shown."""
    found = Axe().run(page)
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [f"{address}: {found.generate_report()}"] * bool(found.violations_count) + [f"{address}: too wide"] * wide


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_custodians_are_found_chosen_and_released(page: Page, live_server: LiveServer) -> None:
    make_sysadmin("admin")
    make_user("wendy")
    matter = make_matter("Harbour Street")
    sign_in(page, f"{live_server.url}/legal-holds/{matter.pk}/find-custodians/?q=wendy", LOCAL_PASSWORD)

    page.get_by_label("Choose wendy").check()
    page.get_by_role("button", name="Put the chosen on hold…").click()
    page.get_by_role("button", name="Put 1 user on hold").click()
    expect(page.get_by_text("1 user is on hold: wendy.")).to_be_visible()
    page.get_by_role("button", name="Release all 1…").click()
    page.get_by_role("button", name="Release 1 user").click()
    expect(page.get_by_text("1 user is released: wendy.")).to_be_visible()
