"""Restores in a real browser: people download their files without scripts, and axe looks at each page."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.looks import in_every_look
from tests.live_archives import LiveArchive, make_documents
from tests.makers import PASSWORD, make_restore_job, make_user
from tests.restic_client import MISSING, RESTIC

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.skipif(RESTIC is None, reason=MISSING),
]


@pytest.fixture
def laptop(settings: Settings, tmp_path: Path) -> Iterator[LiveArchive]:
    """The device of a person, which has backed up names of every kind and was asked to restore something."""
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "archives", tmp_path / "cold storage"
    roles = ["PROe User", "Desktop User", "Org Manager"]
    found = LiveArchive(make_user("ann", roles=roles, password=PASSWORD), tmp_path)
    make_restore_job(found.device)
    yield found
    shutil.rmtree(tmp_path, ignore_errors=True)


def sign_in(page: Page, address: str) -> None:
    """Open a page as the person."""
    page.goto(address)
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@in_every_look(1)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    page: Page, live_server: LiveServer, laptop: LiveArchive, tmp_path: Path, theme: str, width: int
) -> None:
    documents = make_documents(tmp_path)
    snapshot = laptop.back_up(documents)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    sign_in(page, f"{live_server.url}/restores/")
    expect(page.get_by_role("heading", name="Restore files", exact=True)).to_be_visible()
    one = f"/restores/{laptop.device.pk}/"
    folders = [urlencode({"snapshot": snapshot, "path": str(path)}) for path in (documents, documents / "names")]
    files = [f"{one}files/?{query}" for query in (*folders, urlencode({"snapshot": snapshot, "q": "a"}))]

    def looks_right(what: str) -> None:
        found = Axe().run(page)
        assert found.violations_count == 0, f"{what}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") == width, what

    for address in ("/restores/", one, *files, f"{one}to-the-computer/{laptop.device.restore_jobs.get().pk}/cancel/"):
        page.goto(live_server.url + address)
        looks_right(address)
    for button in ("Download as zip…", "Restore to the computer…"):
        page.goto(live_server.url + files[0])
        page.get_by_label("Choose letters").check()
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("these files")
        looks_right(button)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_files_come_back(
    page: Page, live_server: LiveServer, laptop: LiveArchive, tmp_path: Path
) -> None:
    documents = make_documents(tmp_path)
    snapshot = laptop.back_up(documents)
    query = urlencode({"snapshot": snapshot, "path": str(documents)})
    sign_in(page, f"{live_server.url}/restores/{laptop.device.pk}/files/?{query}")

    page.get_by_role("link", name="names").click()
    # A name with the end of a line, which a browser would send otherwise.
    page.get_by_label("Choose new").check()
    page.get_by_role("button", name="Download as zip…").click()
    with page.expect_download() as begun:
        page.get_by_role("button", name="Download", exact=True).click()

    found = zipfile.ZipFile(begun.value.path())
    (name,) = found.namelist()
    assert found.read(name) == b"new\nline"
