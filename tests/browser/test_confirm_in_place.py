"""Confirming it is you in place, in a real browser: a form that is sent too late waits in its page, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from console.models import ConsoleSession
from console.security.session_store import SessionStore
from console.security.sessions import CONFIRMED
from directory.models import BulkAct, BulkState
from orgs.models import Org, User
from tests.browser.looks import in_every_look
from tests.makers import PASSWORD, make_org, make_sysadmin, make_user
from tests.second_factors import code_now, make_code_app

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
NEW = "a horse eats hay at noon"


@pytest.fixture
def admin(page: Page, live_server: LiveServer) -> User:
    """An administrator who is signed in."""
    admin = make_sysadmin("admin")
    page.goto(f"{live_server.url}/sign-in/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return admin


def eleven_minutes_pass() -> None:
    """Let the last confirmation of every session be too old."""
    for session in ConsoleSession.objects.all():
        session.session_data = SessionStore().encode(session.get_decoded() | {CONFIRMED: 0})
        session.save(update_fields=["session_data"])


def question(page: Page) -> Any:
    """Return the dialog that asks to confirm, which is open now."""
    dialog = page.get_by_role("dialog", name="Confirm it is you")
    expect(dialog).to_be_visible()
    return dialog


def confirm(page: Page) -> None:
    question(page).get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


@pytest.fixture
def typed(page: Page, live_server: LiveServer, admin: User) -> Page:
    """The page of Ben's password with a new one typed, and the question after sending it too late."""
    ben = make_user("ben", password=PASSWORD)
    page.goto(f"{live_server.url}/users/{ben.pk}/password/")
    page.get_by_label("New password*", exact=True).fill(NEW)
    page.get_by_label("New password confirmation").fill(NEW)
    eleven_minutes_pass()
    page.keyboard.press("Enter")
    question(page)
    return page


def test_a_secret_that_was_typed_is_sent_after_confirming(typed: Page) -> None:
    expect(question(typed).get_by_label("Password")).to_be_focused()
    question(typed).get_by_label("Password").fill("wrong")
    typed.keyboard.press("Enter")
    expect(question(typed).get_by_text("do not fit together")).to_be_visible()
    stored = typed.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    confirm(typed)

    expect(typed.get_by_text("The password of ben is set")).to_be_visible()
    assert User.objects.get(username="ben").check_password(NEW)
    assert NEW not in stored


def test_who_does_not_confirm_keeps_what_was_typed(typed: Page) -> None:
    typed.keyboard.press("Escape")

    expect(typed.get_by_role("dialog")).to_be_hidden()
    expect(typed.get_by_label("New password*", exact=True)).to_have_value(NEW)
    assert not User.objects.get(username="ben").check_password(NEW)


@in_every_look(2)
def test_axe_finds_nothing_in_the_question(typed: Page, admin: User, theme: str, width: int) -> None:
    make_code_app(admin)
    typed.keyboard.press("Escape")
    typed.set_viewport_size({"width": width, "height": 900})
    typed.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    typed.keyboard.press("Enter")
    expect(question(typed).get_by_text("Or by your second factor")).to_be_visible()

    found = Axe().run(typed)

    assert found.violations_count == 0, found.generate_report()
    assert typed.evaluate("document.documentElement.scrollWidth") == width


def test_a_busy_server_loses_nothing_and_the_next_press_works(typed: Page) -> None:
    question(typed).get_by_role("button", name="Not now").click()
    typed.route("**/sign-in/state/**", lambda route: route.fulfill(status=503, body="busy"))
    typed.get_by_label("New password confirmation").press("Enter")
    failed = typed.get_by_role("dialog", name="That did not work")
    expect(failed).to_be_visible()
    failed.get_by_role("button", name="Not now").click()
    typed.unroute("**/sign-in/state/**")

    typed.get_by_label("New password confirmation").press("Enter")
    confirm(typed)

    expect(typed.get_by_text("The password of ben is set")).to_be_visible()


def test_a_code_of_the_second_factor_confirms_too(typed: Page, admin: User) -> None:
    typed.keyboard.press("Escape")
    secret = make_code_app(admin)
    typed.keyboard.press("Enter")
    question(typed).get_by_label("Code").fill(code_now(secret))
    question(typed).get_by_role("button", name="Confirm by code").click()

    expect(typed.get_by_text("The password of ben is set")).to_be_visible()


def test_a_session_that_has_ended_is_signed_in_first_and_needs_no_second_question(typed: Page) -> None:
    typed.keyboard.press("Escape")
    ConsoleSession.objects.all().delete()
    typed.keyboard.press("Enter")
    dialog = typed.get_by_role("dialog", name="Your session has ended")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()

    expect(typed.get_by_text("The password of ben is set")).to_be_visible()


def test_a_form_of_data_fixes_is_sent_after_confirming(page: Page, live_server: LiveServer, admin: User) -> None:
    org = make_org("Northmere")
    page.goto(f"{live_server.url}/data-fixes/orgs/org/{org.pk}/change/")
    page.get_by_label("Notes").fill("Moves to the harbour.")
    eleven_minutes_pass()
    page.get_by_role("button", name="Save", exact=True).click()
    confirm(page)

    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert Org.objects.get(pk=org.pk).notes == "Moves to the harbour."


def test_a_bulk_act_begins_after_confirming(page: Page, live_server: LiveServer, admin: User) -> None:
    make_user("ben")
    page.goto(f"{live_server.url}/users/?q=ben")
    page.get_by_role("checkbox", name="Select ben").check()
    page.get_by_role("button", name="Add a role…").click()
    expect(page.get_by_role("heading", name="Add a role")).to_be_visible()
    page.get_by_label("Role").select_option(label="Help Desk")
    page.get_by_role("button", name="Show the effects").click()
    expect(page.get_by_role("button", name="Add 1")).to_be_visible()
    eleven_minutes_pass()
    page.get_by_role("button", name="Add 1").click()
    confirm(page)

    expect(page.get_by_text("It has begun.")).to_be_visible()
    assert BulkAct.objects.get().state != BulkState.PREPARED


def test_a_request_of_htmx_waits_for_the_confirmation_too(page: Page, live_server: LiveServer, admin: User) -> None:
    page.goto(f"{live_server.url}/account/password/")
    eleven_minutes_pass()
    page.evaluate("""() => {
        const form = document.querySelector("main form");
        form.setAttribute("hx-post", location.pathname);
        htmx.process(form);
    }""")
    page.get_by_label("New password*", exact=True).fill(NEW)
    page.get_by_label("New password confirmation").fill(NEW)
    page.keyboard.press("Enter")
    confirm(page)

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_text("Your password is set")).to_be_visible()
    assert User.objects.get(username="admin").check_password(NEW)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_the_form_goes_along_and_is_sent_afterwards(
    page: Page, live_server: LiveServer, admin: User
) -> None:
    north, south = make_org("Northmere"), make_org("Southmere")
    page.goto(f"{live_server.url}/orgs/{north.pk}/move/?parent={south.pk}")
    eleven_minutes_pass()
    page.get_by_role("button", name="Move Northmere").click()
    expect(page.get_by_text("What you have filled in is kept")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Send the form").click()

    expect(page.get_by_text("Northmere lies below Southmere now.")).to_be_visible()
