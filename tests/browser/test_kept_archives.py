"""The pages about what is kept of archives, in a real browser: snapshots, checks, exports for legal holds, with axe."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from orgs.models import ArchiveMaintenance, ExportState, HoldExport, Org
from tests.backups import BackingUp, signed_in_device
from tests.browser.looks import in_every_look
from tests.makers import NOW, PASSWORD, make_hold_export, make_matter, make_org, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def laptop() -> BackingUp:
    """A device of a custodian, with damage in its archive and an export that is ready."""
    make_sysadmin("admin")
    org = make_org("Engineering", parent=Org.objects.get(name="Default"))
    made = signed_in_device(make_user("wendy", org=org))
    ArchiveMaintenance.objects.create(
        archive=made.device.archives.get(),
        result="damaged",
        tried_at=NOW,
        checked_at=NOW,
        damaged_since=NOW,
        message=f"error for tree 4f0c1a: pack {'0123456789abcdef' * 4} does not exist. Fatal: repository contains errors",
    )
    make_hold_export(make_matter("Inquiry", made.device.user, org=org), made.device)
    part = {"name": "2026-01-02-120000-0a1b2c3d.tar", "size": 123_456_789, "sha256": "0123456789abcdef" * 4}
    HoldExport.objects.update(state=ExportState.DONE, ended_at=NOW, expires_at=NOW, files=[part], file_count=12_345)
    return made


@in_every_look(1)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    page: Page, live_server: LiveServer, laptop: BackingUp, theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    device, export = laptop.device, HoldExport.objects.get()
    org, exports = f"/orgs/{device.user.org_id}/", f"/legal-holds/{export.matter_id}/exports/"
    page.goto(live_server.url + org)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    pages = [org, f"{org}snapshots/", f"/devices/{device.pk}/", exports, f"{exports}add/?device={device.pk}"]

    for address in [*pages, f"{exports}{export.pk}/remove/", f"{org}snapshots/?inherit=yes"]:
        page.goto(live_server.url + address)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") == width, address
