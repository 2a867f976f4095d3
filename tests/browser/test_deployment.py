"""Deployment policies in a real browser: one is made without scripts, and axe looks at each page."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from orgs.models import DeploymentPolicy, Org
from tests.browser.looks import in_every_look
from tests.makers import PASSWORD, make_deployment_policy, make_device, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def policy() -> DeploymentPolicy:
    """A policy that has brought a device and refused another one."""
    make_sysadmin("admin")
    Org.objects.filter(name="Default").update(directory_service="ldap")
    return make_deployment_policy("Laptops", Org.objects.get(name="Default"), brought=make_device(make_user("wendy")))


def sign_in(page: Page, address: str) -> None:
    """Open a page as the administrator."""
    page.goto(address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@in_every_look(1)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    page: Page, live_server: LiveServer, policy: DeploymentPolicy, theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    sign_in(page, f"{live_server.url}/deployment/")
    expect(page.get_by_role("heading", name="Deployment", exact=True)).to_be_visible()
    acts = ("", "install/", "edit/", "token/", "enable/", "disable/", "delete/")

    for address in ("/deployment/", "/deployment/add/", *(f"/deployment/{policy.pk}/{act}" for act in acts)):
        page.goto(live_server.url + address)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") == width, address


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_a_policy_is_made_and_its_token_shown(
    page: Page, live_server: LiveServer, policy: DeploymentPolicy
) -> None:
    sign_in(page, f"{live_server.url}/deployment/add/")

    page.get_by_label("Name").fill("Second wave")
    page.get_by_label("Registration org").select_option(label="\u2003Default")
    page.get_by_role("button", name="Add and show the token").click()

    expect(page.get_by_role("heading", name="The token of Second wave")).to_be_visible()
    expect(page.locator("#policy-token")).to_contain_text("rollcall-deploy-")
