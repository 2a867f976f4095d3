"""An administrator's first sync, in a real browser: sign in, simulate, read why, synchronize, nothing left to do."""

from __future__ import annotations

import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.actions.users import local_passwords
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.integration.employer import Employer
from tests.worlds import NOON, again, device, org, user

pytestmark = [pytest.mark.django_db(transaction=True)]
PASSWORD = "correct horse battery staple"


@pytest.fixture
def sean(employer: Employer) -> User:
    """A leaver with a laptop; mia stays and moves."""
    admin = user("admin", org_name="ADMIN", roles=["SYSADMIN"])
    local_passwords.set_password(user=admin, password=PASSWORD, by=SYSTEM, at=NOON)
    org("Staff")
    employer.hires("mia", mail="mia@example.com", departmentNumber="Staff")
    user("mia")
    leaver = user("sean")
    device(leaver)
    employer.server(name="Head office")
    return leaver


def sign_in(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def carry_out(page: Page, button: str, ending: str) -> None:
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/history/*/")
    expect(page.locator("#run-progress")).to_contain_text(ending, timeout=60_000)


def test_a_first_sync_is_simulated_read_and_then_made(
    page: Page, live_server: LiveServer, worker: subprocess.Popen[bytes], sean: User
) -> None:
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    sign_in(page, live_server)
    page.get_by_role("link", name="Security: LDAP", exact=True).click()

    carry_out(page, "Simulate Synchronize", "planned")

    changes = page.locator("#run-changes")
    expect(changes).to_contain_text("sean")
    expect(changes).to_contain_text("mia")
    assert again(sean).active
    row = changes.locator("tbody tr").filter(has_text="sean")
    row.get_by_text("Steps").click()
    expect(page.get_by_text("Rule: absent, user active and not on hold: block and deactivate.")).to_be_visible()
    assert Axe().run(page).violations_count == 0

    page.get_by_role("link", name="Security: LDAP", exact=True).click()
    page.get_by_role("link", name="Synchronize now").click()
    carry_out(page, "Synchronize now", "applied")

    assert not again(sean).active
    page.get_by_role("link", name="Security: LDAP", exact=True).click()
    carry_out(page, "Simulate Synchronize", "planned")
    expect(page.locator("#run-results")).not_to_contain_text("deactivate")
    assert troubles == []
