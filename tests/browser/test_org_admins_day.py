"""A day of an Org Admin in a real browser, as instructions with clicks counted; and a piece of work by keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.models import Device, Org, User
from tests.integration.employer import Employer
from tests.makers import PASSWORD, make_device, make_org, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


class Desk:
    """What an administrator does at the console: clicks, which are counted, and what is read of the page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address, self.clicks = page, address, 0
        self.troubles: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("response", lambda answer: self.troubles.append(answer.url) if answer.status >= 500 else None)

    def sign_in(self, username: str) -> None:
        self.page.goto(self.address)
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def click(self, role: Any, name: str, *, within: Locator | None = None, exact: bool = False) -> None:
        (within or self.page).get_by_role(role, name=name, exact=exact).first.click()
        self.clicks += 1

    def more(self, label: str, link: str) -> None:
        """Open a menu of further acts, and choose one."""
        self.page.locator(f"summary[aria-label='{label}']").click()
        self.clicks += 1
        self.click("link", link)

    def choose(self, field: str, org: str, *, level: int) -> None:
        self.page.get_by_role("combobox", name=field).select_option(label="\u2003" * level + org)

    def reads(self, text: str) -> None:
        expect(self.page.locator("main").get_by_text(text).first).to_be_visible()

    def heading(self, text: str) -> None:
        expect(self.page.get_by_role("heading", name=text, level=1)).to_be_visible()

    def took(self, clicks: int) -> None:
        """Check how many clicks the task took, and count anew."""
        assert self.clicks == clicks
        assert self.troubles == []
        self.clicks = 0


@pytest.fixture
def company(employer: Employer) -> Org:
    """Olga administers Northmere, which follows a directory; Southgate is another company in the same console."""
    make_sysadmin("admin")
    north, south = make_org("Northmere"), make_org("Southgate")
    make_org("Workshop", parent=north)
    make_user("olga", org=north, roles=["Org Admin"], password=PASSWORD)
    wendy = make_user("wendy", org=north, email="wendy@north.example")
    make_device(wendy, "old-laptop")
    make_device(wendy, "new-laptop")
    make_device(make_user("stranger", org=south, email="stranger@south.example"), "foreign-laptop")
    employer.hires("nora", mail="nora@north.example", departmentNumber="Workshop", title="Desktop User")
    employer.server(orgs=("Northmere",), name="Northmere's directory", grantable_roles=["Desktop User"])
    return north


@pytest.fixture
def olga(page: Page, live_server: LiveServer, company: Org) -> Desk:
    desk = Desk(page, live_server.url)
    desk.sign_in("olga")
    return desk


def creates_a_user(olga: Desk) -> None:
    olga.click("link", "Users", exact=True)
    olga.click("link", "Add user")
    olga.choose("Org", "Northmere", level=0)
    olga.page.get_by_label("Username").fill("nora")
    olga.click("button", "Show what would be created")
    # Directory and scripts have decided, and nobody is created yet.
    olga.heading("Create this user?")
    for text in ("nora@north.example", "Workshop", "Desktop User"):
        olga.reads(text)
    assert not User.objects.filter(username="nora").exists()
    olga.click("button", "Create this user")
    olga.reads("The user nora is created.")
    assert User.objects.get(username="nora").org.name == "Workshop"
    olga.took(4)


def moves_them(olga: Desk) -> None:
    olga.click("link", "Move…")
    olga.choose("New org", "Northmere", level=0)
    olga.click("button", "Show the effects")
    olga.heading("Move nora to Northmere?")
    olga.click("button", "Move")
    olga.reads("nora is in Northmere now.")
    olga.took(3)


def blocks_and_unblocks_them(olga: Desk) -> None:
    olga.more("More acts", "Block…")
    olga.heading("Block nora?")
    olga.click("button", "Block")
    olga.reads("nora is blocked.")
    olga.took(3)
    olga.click("link", "Unblock…")
    olga.click("button", "Unblock")
    olga.reads("nora is unblocked.")
    olga.took(2)


def gives_them_a_role(olga: Desk) -> None:
    olga.more("More acts", "Roles…")
    expect(olga.page.get_by_label("SYSADMIN")).to_be_disabled()
    olga.click("checkbox", "Remote File Selection")
    olga.click("button", "Show the effects")
    olga.click("button", "Change the roles")
    olga.reads("The roles of nora are changed.")
    assert User.objects.get(username="nora").roles.filter(name="Remote File Selection").exists()
    olga.took(5)


def reads_what_happened_to_them(olga: Desk) -> None:
    olga.click("link", "History", within=olga.page.get_by_role("navigation", name="Parts of this user"))
    for text in ("blocked", "unblocked", "Northmere"):
        olga.reads(text)
    olga.took(1)


def uploads_a_file(olga: Desk, path: Path) -> None:
    path.write_text("username,email,org,Passwort\numa,uma@north.example,Workshop,x\nsam,Staff,,x\n")
    olga.click("link", "Users", exact=True)
    olga.click("link", "Upload CSV")
    olga.page.get_by_label("CSV file").set_input_files(path)
    olga.choose("Org", "Northmere", level=0)
    olga.click("checkbox", "Also create people who are not in the directory")
    olga.click("checkbox", "Ignore columns with other names")
    olga.click("button", "Preview")
    olga.reads("'Passwort' looks like passwords and was not read")
    olga.reads("Staff is no email address; a cell of this row may be missing")
    olga.click("button", "Create 1 user")
    olga.reads("1 user is created.")
    assert User.objects.get(username="uma").org.name == "Workshop"
    olga.took(6)


def replaces_a_device(olga: Desk) -> None:
    olga.click("link", "Devices", exact=True)
    olga.click("link", "old-laptop")
    olga.click("link", "Replace…")
    olga.click("button", "Show the effects")
    olga.heading("Put new-laptop in place of old-laptop?")
    olga.click("button", "Replace")
    olga.reads("new-laptop has taken the place")
    olga.took(5)


def looks_after_a_child_org(olga: Desk) -> None:
    olga.click("link", "Orgs", exact=True)
    olga.click("link", "Add an org")
    olga.page.get_by_role("textbox", name="Name").fill("Warehause")
    olga.choose("Parent", "Northmere", level=0)
    olga.click("button", "Create the org")
    olga.reads("Warehause is created.")
    olga.took(3)
    olga.click("link", "Rename…")
    olga.page.get_by_role("textbox", name="Name").fill("Warehouse")
    olga.click("button", "Show what would change")
    olga.click("button", "Rename the org")
    olga.reads("Warehause is called Warehouse now.")
    olga.took(3)
    olga.click("link", "Override Archive retention")
    olga.page.get_by_label("Days in cold storage").fill("90")
    olga.click("button", "Show what would change")
    olga.click("button", "Make it an own setting")
    olga.page.wait_for_url("**/orgs/*/")
    olga.reads("90 days")
    assert Org.objects.get(name="Warehouse").archive_retention_days == 90
    olga.took(3)


def saves_the_list(olga: Desk) -> str:
    olga.click("link", "Users", exact=True)
    with olga.page.expect_download() as download:
        olga.click("link", "Save as CSV")
    olga.took(2)
    return Path(download.value.path()).read_text(encoding="utf-8-sig")


def test_an_org_admin_does_a_days_work_in_their_own_part(olga: Desk, tmp_path: Path) -> None:
    olga.click("link", "Orgs", exact=True)
    tree = olga.page.locator("#org-tree")
    expect(tree).to_contain_text("Your 2 orgs")
    for name in ("Southgate", "Default", "ADMIN"):
        expect(tree).not_to_contain_text(name)
    expect(olga.page.get_by_role("link", name="Data fixes")).to_have_count(0)
    olga.took(1)

    creates_a_user(olga)
    moves_them(olga)
    blocks_and_unblocks_them(olga)
    gives_them_a_role(olga)
    reads_what_happened_to_them(olga)
    uploads_a_file(olga, tmp_path / "people.csv")
    replaces_a_device(olga)
    looks_after_a_child_org(olga)
    saved = saves_the_list(olga)

    assert "nora" in saved
    assert "stranger" not in saved


def test_nothing_of_another_company_is_within_an_org_admins_reach(olga: Desk) -> None:
    south, stranger = Org.objects.get(name="Southgate"), User.objects.get(username="stranger")
    laptop = Device.objects.get(name="foreign-laptop")
    pages = [
        f"/orgs/{south.pk}/",
        f"/orgs/{south.pk}/rename/",
        f"/users/{stranger.pk}/",
        f"/users/{stranger.pk}/history/",
    ]
    pages += [f"/users/{stranger.pk}/block/", f"/devices/{laptop.pk}/", f"/devices/{laptop.pk}/replace/"]

    for each in pages:
        answer = olga.page.goto(olga.address + each)
        assert answer is not None
        assert answer.status == 404, each
        olga.heading("Not found")

    for area, words in (("users", "stranger"), ("devices", "foreign-laptop")):
        olga.page.goto(f"{olga.address}/{area}/?q={words}")
        olga.reads("Nothing matches these filters.")
        olga.page.goto(f"{olga.address}/{area}/")
        expect(olga.page.locator("main")).not_to_contain_text(words)
        assert words not in olga.page.request.get(f"{olga.address}/{area}/{area}.csv").text()
    olga.page.goto(f"{olga.address}/users/")
    expect(olga.page.get_by_text("1 to 2 of 2")).to_be_visible()
    olga.page.goto(f"{olga.address}/orgs/?q=Southgate")
    olga.reads("No org has this name or registration key.")


class Keyboard:
    """Works by keyboard alone; what has the focus has to be visible."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def focused(self) -> Locator:
        """Return what has the focus, after checking that a person can see where it is."""
        found = self.page.locator(":focus")
        expect(found).to_have_count(1)
        # The page may still scroll to it.
        for _ in range(100):
            if self.page.evaluate(_SHOWS_FOCUS):
                break
            self.page.wait_for_timeout(50)
        else:
            raise AssertionError(f"nobody sees the focus on {self.page.evaluate('document.activeElement.outerHTML')}")
        return found

    def tab_to(self, name: str, *, most: int = 80) -> Locator:
        """Press Tab until what has this name has the focus."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(_NAME_OF_FOCUS).startswith(name):
                return self.focused()
        raise AssertionError(f"Tab does not come to {name}")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)


_NAME_OF_FOCUS = """() => {
    const element = document.activeElement;
    const label = element.labels && element.labels[0];
    return (element.getAttribute("aria-label") || (label ? label.innerText : element.innerText) || "").trim();
}"""
# Something around the element or its label is drawn, and the element is inside the window.
_SHOWS_FOCUS = """() => {
    const element = document.activeElement, box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const drawn = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
    return drawn && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
}"""


def test_people_are_blocked_by_keyboard_alone(page: Page, live_server: LiveServer, company: Org) -> None:
    make_user("will", org=company)
    page.set_default_timeout(60_000)
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{live_server.url}/")
    keys = Keyboard(page)

    # Sign in.
    page.get_by_label("Username").focus()
    page.keyboard.type("olga")
    keys.tab_to("Password")
    page.keyboard.type(PASSWORD)
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()

    # Open the menu, leave it, and find the focus where it was; open it again and go to the users.
    keys.tab_to("Menu")
    keys.press("Enter")
    expect(page.locator("#menu")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#menu")).to_be_hidden()
    expect(keys.focused()).to_have_accessible_name("Menu")
    keys.press("Enter")
    keys.tab_to("Users")
    keys.press("Enter")
    page.wait_for_url("**/users/")

    # Choose two users of the list and block them.
    keys.tab_to("Skip to the content", most=1)
    keys.press("Enter")
    for name in ("Select wendy", "Select will"):
        keys.tab_to(name)
        keys.press("Space")
    expect(page.get_by_text("2 selected")).to_be_visible()
    for _ in range(80):
        keys.press("Shift+Tab")
        if page.evaluate(_NAME_OF_FOCUS) == "Block…":
            break
    keys.focused()
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Block 2 users?")).to_be_visible()
    keys.tab_to("Block 2")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Block ·")).to_be_visible()

    # Leave.
    keys.tab_to("olga")
    keys.press("Enter")
    keys.tab_to("Sign out")
    keys.press("Enter")
    expect(page.get_by_label("Username")).to_be_visible()
