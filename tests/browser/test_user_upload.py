"""Users from a CSV file in a real browser, as instructions: upload, mend three bad rows in one go, create; every page with axe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.models import CreatedBy, Org, User
from tests.makers import PASSWORD, make_org, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


PEOPLE = """username;email;org;password
sean;s@example.com;Staff;
mia;nonsense;Staff;
tom;tom@example.com;Stuff;
;eva@example.com;Staff;geheim
wendy;;;
kim;;Staff;
"""


class Clicks:
    """Clicks on what has this name, and counts; typing is not counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def button(self, name: str) -> None:
        self.count += 1
        self.page.get_by_role("button", name=name).click()

    def link(self, name: str) -> None:
        self.count += 1
        self.page.get_by_role("link", name=name).click()


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file as Excel saves it in Europe: semicolons, Windows-1252; three rows are bad, one user is there already."""
    path = tmp_path / "new people.csv"
    path.write_bytes(PEOPLE.replace("sean;", "seán;").encode("cp1252"))
    return path


@pytest.fixture
def users_page(page: Page, live_server: LiveServer) -> Page:
    """The list of users, before an administrator who has just signed in."""
    make_sysadmin("admin")
    make_user("wendy", org=make_org("Staff"))
    page.goto(f"{live_server.url}/users/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page


def choose(page: Page, people: Path) -> None:
    page.get_by_label("CSV file").set_input_files(people)
    page.get_by_label("Org").select_option(label="\u2003Staff")


def test_three_bad_rows_are_mended_in_one_go(users_page: Page, people: Path) -> None:
    """Users > Upload CSV, choose the file, Preview, correct the three rows, one tick, Save 3 rows, Create: 5 clicks."""
    page, click = users_page, Clicks(users_page)

    click.link("Upload CSV")
    choose(page, people)
    click.button("Preview")
    expect(page.get_by_role("heading", name="Preview of new people.csv")).to_be_visible()
    expect(page.get_by_text("2 users will be created. 2 have a warning. 3 rows are refused")).to_be_visible()
    expect(page.get_by_text("was read as Windows-1252")).to_be_visible()
    expect(page.get_by_role("link", name="Already there 1")).to_be_visible()

    mia, tom, eva = (page.get_by_role("group", name=name) for name in ("Line 3", "Line 4", "Line 5"))
    expect(mia.get_by_label("Email")).to_have_accessible_description(
        "nonsense is no email address; a cell of this row may be missing, or one too many."
    )
    mia.get_by_label("Email").fill("mia@example.com")
    # The org was dropped, because it may have been the password: the row may have lost a cell.
    mia.get_by_label("Org").fill("Staff")
    click.count += 1
    mia.get_by_label("The values are right as they stand here").check()
    expect(tom.get_by_label("Org")).to_have_accessible_description("There is no org Stuff whose users you administer.")
    tom.get_by_label("Org").fill("Staff")
    eva.get_by_label("Username").fill("eva")
    eva.get_by_label("Password", exact=True).fill("correct horse battery staple")
    click.button("Save 3 rows and check again")
    expect(page.get_by_text("3 rows are saved, and all rows are judged again.")).to_be_visible()

    click.button("Create 5 users")
    expect(page.get_by_text("5 users are created.")).to_be_visible()
    expect(page.get_by_role("heading", name="Upload of new people.csv")).to_be_visible()
    expect(page.get_by_role("row", name="eva")).to_contain_text("Created")
    expect(page.get_by_role("row", name="wendy")).to_contain_text("Already there")
    assert click.count == 5
    made = User.objects.filter(created_by=CreatedBy.CSV)
    assert {user.username for user in made} == {"seán", "mia", "tom", "eva", "kim"}
    assert {user.org.name for user in made} == {"Staff"}
    assert User.objects.get(username="eva").check_password("correct horse battery staple")


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_rows_are_mended_and_left_out_without_javascript(users_page: Page, people: Path) -> None:
    page, click = users_page, Clicks(users_page)
    click.link("Upload CSV")
    choose(page, people)
    click.button("Preview")

    page.get_by_role("group", name="Line 3").get_by_label("Leave this row out").check()
    page.get_by_role("group", name="Line 4").get_by_label("Org").fill("Staff")
    click.button("Save 3 rows and check again")

    expect(page.get_by_text("1 row is left out.")).to_be_visible()
    expect(page.get_by_role("group", name="Line 5")).to_contain_text("The username is empty.")
    click.button("Create 3 users")
    expect(page.get_by_text("3 users are created.")).to_be_visible()
    assert not User.objects.filter(username="mia").exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_axe_finds_nothing_on_any_page_of_an_upload(
    users_page: Page, live_server: LiveServer, people: Path, scheme: str, width: int
) -> None:
    page, click = users_page, Clicks(users_page)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    shots = os.environ.get("UPLOAD_SHOTS")

    def check(name: str, text: str) -> None:
        expect(page.locator("main").get_by_text(text).first).to_be_visible()
        assert Axe().run(page).violations_count == 0, name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        if shots:
            page.screenshot(path=f"{shots}/{name}-{width}-{scheme}.png", full_page=True)

    page.goto(f"{live_server.url}/users/upload/")
    people.write_bytes(b"username,roles,department\nsean,x,y\n")
    choose(page, people)
    click.button("Preview")
    check("refused file", "there are no columns 'roles', 'department'")
    people.write_text(PEOPLE)
    choose(page, people)
    click.button("Preview")
    check("preview", "3 rows are refused")
    click.link("Will be created, with a warning")
    check("warned", "Rows with a warning")
    page.get_by_role("group", name="Line 7").get_by_label("Leave this row out").check()
    click.button("Save 2 rows and check again")
    check("left out", "1 row is left out")
    click.button("Create 1 user")
    check("outcome", "1 user was created from 6 rows.")
    page.goto(f"{live_server.url}/users/upload/")
    check("upload", "Earlier uploads")
    assert Org.objects.filter(name="Staff").exists()
