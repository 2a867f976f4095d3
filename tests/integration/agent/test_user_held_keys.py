"""Where users hold the keys of their archives, Rollcall never has a password, and whatever needs one is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from orgs.actions import orgs
from orgs.backups.storage_roots import storage_roots
from orgs.models import Archive, Device, Org, Repository
from orgs.rules.actors import SYSTEM
from tests.agents import ask, code_of, register
from tests.archive_folders import make_repository
from tests.makers import NOW, PASSWORD, make_user
from tests.stored_archives import make_roots

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def user_held(tmp_path: Path, settings: Settings) -> None:
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", tmp_path / "cold"
    make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
    org = Org.objects.get(name="Default")
    orgs.change(org=org, key_holder="user", by=SYSTEM, at=NOW)
    make_user("ann", org=org, password=PASSWORD)


def test_a_new_archive_is_empty_and_has_no_password() -> None:
    given = register("ann", PASSWORD).json()

    assert (given["key_holder"], given["repository_password"], given["archive_is_empty"]) == ("user", "", True)
    assert (Repository.objects.get().key_holder, Repository.objects.get().password) == ("user", "")


def test_an_archive_with_files_keeps_its_password() -> None:
    first = register("ann", PASSWORD).json()
    make_repository(storage_roots().live.repository(first["guid"]))

    again = register("ann", PASSWORD, guid=first["guid"]).json()

    assert (again["guid"], again["archive_is_empty"]) == (first["guid"], False)


def test_nothing_counts_as_empty_while_the_disk_is_away() -> None:
    first = register("ann", PASSWORD).json()
    storage_roots().live.mark.unlink()

    assert register("ann", PASSWORD, guid=first["guid"]).json()["archive_is_empty"] is False


def test_a_new_archive_after_a_purge_needs_the_person() -> None:
    given = register("ann", PASSWORD).json()
    Archive.objects.all().delete()

    refused = ask("archive", {}, token=given["token"])

    assert (refused.status_code, code_of(refused)) == (409, "user-held-key")
    assert not Device.objects.get().archives.exists()
    assert register("ann", PASSWORD, guid=given["guid"]).json()["archive_is_empty"] is True
