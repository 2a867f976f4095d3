"""Users from a CSV file in a real browser: the form, a refusal, the preview, and the users."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.models import CreatedBy, User
from tests.makers import PASSWORD, make_org, make_sysadmin

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


def test_a_file_is_refused_then_previewed_then_its_users_are_created(
    page: Page, live_server: LiveServer, tmp_path: Path
) -> None:
    make_sysadmin("admin")
    make_org("Staff")
    bad, good = tmp_path / "bad.csv", tmp_path / "new people.csv"
    bad.write_text("username,email\nsean,nonsense\n")
    good.write_text("username,email,org\nsean,s@example.com,Staff\nmia,,\n")
    page.goto(f"{live_server.url}/users/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("link", name="Upload CSV").click()
    page.get_by_label("CSV file").set_input_files(bad)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("line 2, email: nonsense is no email address")).to_be_visible()
    assert Axe().run(page).violations_count == 0

    page.get_by_label("Org").select_option(label="\u2003Staff")
    page.get_by_label("CSV file").set_input_files(good)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview of new people.csv")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    assert not User.objects.filter(created_by=CreatedBy.CSV).exists()

    page.get_by_role("button", name="Create 2 users").click()
    expect(page.get_by_text("2 users are created.")).to_be_visible()
    assert {(user.username, user.org.name) for user in User.objects.filter(created_by=CreatedBy.CSV)} == {
        ("sean", "Staff"),
        ("mia", "Staff"),
    }
