"""The tree of orgs in a real browser: by keyboard alone, a missing org in two clicks, and everything with axe."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from directory.models import RunChange
from orgs.models import Org
from tests.browser.looks import in_every_look
from tests.makers import PASSWORD, make_org, make_run, make_server, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def engineering() -> Org:
    """A tree of four levels, with somebody in it."""
    make_sysadmin("admin")
    north = make_org("Northmere", parent=Org.objects.get(name="Default"))
    make_server()
    org = make_org("Engineering", parent=north)
    make_org("Firmware and embedded systems of the northern plants", parent=org)
    make_org("Sales", parent=north)
    make_user("wendy", org=org)
    return org


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def row(page: Page, name: str) -> str:
    """Return the id of the org whose row has the focus, and check that it is this one."""
    focused = page.locator("tr[data-org]:focus")
    expect(focused).to_contain_text(name)
    return str(focused.get_attribute("data-org"))


def test_everything_works_by_keyboard(page: Page, live_server: LiveServer, engineering: Org) -> None:
    sign_in(page, f"{live_server.url}/orgs/")
    page.locator("tr[data-org]").first.focus()

    page.keyboard.press("ArrowDown")
    row(page, "Default")
    page.keyboard.press("ArrowRight")
    row(page, "Northmere")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("tr:focus")).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("link", name="Sales")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    row(page, "Default")
    page.keyboard.press("End")
    row(page, "Northmere")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    row(page, "Engineering")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/orgs/{engineering.pk}/")
    expect(page.get_by_role("heading", name="Engineering")).to_be_visible()
    assert row(page, "Engineering") == str(engineering.pk)
    page.keyboard.press("m")
    page.wait_for_url(f"**/orgs/{engineering.pk}/move/")

    page.get_by_label("New parent").focus()
    page.keyboard.type("Default")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show what would change").press("Enter")
    expect(page.get_by_role("heading", name="Move Engineering below Default?")).to_be_visible()
    page.get_by_role("button", name="Move Engineering").press("Enter")
    expect(page.get_by_text("Engineering lies below Default now.")).to_be_visible()


def take(page: Page, name: str) -> None:
    """Take an org by its handle with the mouse, and lift it."""
    handle = page.locator("[data-tree] tr[data-org]", has=page.get_by_role("link", name=name)).locator(".grip")
    box = handle.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 8, box["y"] + 20, steps=3)


def carry_over(page: Page, name: str) -> None:
    """Carry what is held over another org."""
    page.mouse.move(*middle(page, name), steps=5)


def middle(page: Page, name: str) -> tuple[float, float]:
    box = page.locator("[data-tree] tr[data-org]", has=page.get_by_role("link", name=name)).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def target(page: Page) -> Locator:
    """Return the org on which what is held may be dropped now."""
    return page.locator(".org-target")


def opened_tree(page: Page, live_server: LiveServer) -> None:
    """Open the tree, and wait for its handles: the library for dragging comes last."""
    sign_in(page, f"{live_server.url}/orgs/")
    expect(page.locator(".grip").first).to_be_visible()


def test_an_org_is_moved_by_dragging_it_onto_another_one(page: Page, live_server: LiveServer, engineering: Org) -> None:
    opened_tree(page, live_server)

    take(page, "Engineering")
    carry_over(page, "Sales")
    expect(target(page)).to_contain_text("Sales")
    page.mouse.up()

    expect(page.get_by_role("heading", name="Move Engineering below Sales?")).to_be_visible()
    expect(page.get_by_role("row", name="Follow")).to_contain_text("1")
    sales = Org.objects.get(name="Sales")
    engineering.refresh_from_db()
    assert not engineering.path.startswith(sales.path)
    page.get_by_role("button", name="Move Engineering").click()
    expect(page.get_by_text("Engineering lies below Sales now.")).to_be_visible()
    engineering.refresh_from_db()
    assert engineering.path.startswith(sales.path)


def test_an_org_is_dropped_nowhere_else(page: Page, live_server: LiveServer, engineering: Org) -> None:
    opened_tree(page, live_server)

    # Neither on itself, nor on what lies below it, nor where it is already.
    take(page, "Northmere")
    for name in ("Northmere", "Sales", "Default"):
        carry_over(page, name)
        expect(target(page)).to_have_count(0)
    carry_over(page, "ADMIN")
    expect(target(page)).to_contain_text("ADMIN")
    page.keyboard.press("Escape")
    page.mouse.up()

    expect(target(page)).to_have_count(0)
    expect(page).to_have_url(f"{live_server.url}/orgs/")
    names = page.locator("tr[data-org] a").all_inner_texts()
    assert names[:3] == ["ADMIN", "Default", "Northmere"]


@pytest.mark.browser_context_args(has_touch=True)
def test_an_org_is_moved_by_a_finger(page: Page, live_server: LiveServer, engineering: Org) -> None:
    opened_tree(page, live_server)
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    box = (
        page.locator("[data-tree] tr[data-org]", has=page.get_by_role("link", name="Engineering"))
        .locator(".grip")
        .bounding_box()
    )
    assert box is not None
    x, y = box["x"] + 8, box["y"] + 8
    touch("touchStart", (x, y))
    for step in range(1, 6):
        touch("touchMove", (x, y + (middle(page, "Sales")[1] - y) * step / 5))
    expect(target(page)).to_contain_text("Sales")
    touch("touchEnd")

    expect(page.get_by_role("heading", name="Move Engineering below Sales?")).to_be_visible()


def test_who_may_move_no_org_has_no_handles(page: Page, live_server: LiveServer, engineering: Org) -> None:
    make_user("helen", org=engineering, roles=["Org Help Desk"], password=PASSWORD)
    page.goto(f"{live_server.url}/orgs/")
    page.get_by_label("Username").fill("helen")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("link", name="Engineering")).to_be_visible()
    expect(page.locator(".grip")).to_have_count(0)
    assert page.evaluate("typeof window.Sortable") == "undefined"


def test_a_missing_org_is_created_from_the_run_in_two_clicks(
    page: Page, live_server: LiveServer, engineering: Org
) -> None:
    run = make_run(unknown_orgs={"Marketing": 1})
    wendy = engineering.users.get()
    values = {"username": "wendy", "org": engineering, "outcome": "kept", "unknown_org": "Marketing"}
    RunChange.objects.create(run=run, user=wendy, **values)
    sign_in(page, f"{live_server.url}/history/{run.pk}/")

    page.get_by_role("link", name="Create this org Marketing").click()
    expect(page.get_by_role("heading", name="1 user would be placed here")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    page.get_by_role("button", name="Create the org").click()

    expect(page.get_by_text("Marketing is created.")).to_be_visible()
    assert Org.objects.get(name="Marketing").path.startswith(engineering.path)


def test_the_tree_opens_and_closes_and_stays_so(page: Page, live_server: LiveServer, engineering: Org) -> None:
    sign_in(page, f"{live_server.url}/orgs/")

    page.get_by_role("button", name="Close Northmere").click()
    expect(page.get_by_role("link", name="Engineering")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("link", name="Engineering")).to_be_hidden()
    page.get_by_label("Org name or registration key").fill("engin")
    expect(page.get_by_text("1 org found")).to_be_visible()
    expect(page.get_by_role("link", name="Engineering")).to_be_visible()


@in_every_look(1)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    page: Page, live_server: LiveServer, engineering: Org, theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    sign_in(page, f"{live_server.url}/orgs/")
    own = f"/orgs/{engineering.pk}/"
    pages = ["/orgs/add/", own, *(own + part for part in ("rename/", "notes/", "move/", "registration-key/"))]
    pages += [own + part for part in ("deactivate/", "retention/", "default-roles/", "ldap-servers/")]
    pages += [own + "directory-service/", own + "retention/?inherit=yes", "/orgs/?q=nowhere", "/orgs/?inactive=yes"]

    for address in pages:
        page.goto(live_server.url + address)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") == width, address


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_everything_is_listed_and_acts_work(
    page: Page, live_server: LiveServer, engineering: Org
) -> None:
    sign_in(page, f"{live_server.url}/orgs/")

    expect(page.get_by_role("link", name="Firmware and embedded systems of the northern plants")).to_be_visible()
    page.get_by_label("Org name or registration key").fill("engin")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("1 org found")).to_be_visible()
    page.get_by_role("link", name="Engineering").click()
    page.get_by_role("link", name="Override Archive retention").click()
    page.get_by_label("Days in cold storage").fill("90")
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_role("button", name="Make it an own setting").click()
    expect(page.get_by_text("Archive retention of Engineering is saved.")).to_be_visible()
    assert Org.objects.get(pk=engineering.pk).archive_retention_days == 90
