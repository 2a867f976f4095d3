"""An administrator takes a sync back in a real browser: the question, the plan, the password, done."""

from __future__ import annotations

import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.models import Archive, ArchiveState, User
from tests.browser.test_first_sync import PASSWORD, sean, sign_in
from tests.integration.employer import Employer
from tests.worlds import again, simulate_and_sync

pytestmark = [pytest.mark.django_db(transaction=True)]
__all__ = ["sean"]


def test_a_sync_is_taken_back(
    page: Page,
    live_server: LiveServer,
    worker: subprocess.Popen[bytes],
    employer: Employer,
    sean: User,
) -> None:
    run = simulate_and_sync()
    assert not again(sean).active
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    sign_in(page, live_server)
    page.goto(f"{live_server.url}/history/{run.pk}/")

    page.get_by_role("link", name="Undo", exact=True).click()
    assert Axe().run(page).violations_count == 0
    page.get_by_role("button", name="Make the plan of the undo").click()
    expect(page.locator("#run-progress")).to_contain_text("planned", timeout=60_000)
    expect(page.locator("#run-results")).to_contain_text("The next sync will do it again to 2 users")
    page.get_by_role("link", name="Apply this plan").click()
    page.get_by_label("Password").or_(page.get_by_text("1 device is active again.")).first.wait_for()
    if page.get_by_label("Password").count():
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("1 device is active again.")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    page.get_by_role("button", name="Apply this plan").click()
    expect(page.locator("#run-progress")).to_contain_text("applied", timeout=60_000)

    assert again(sean).active
    assert Archive.objects.get().state == ArchiveState.LIVE
    assert troubles == []
