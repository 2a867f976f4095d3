"""``preparestorage`` marks new storage folders, and none whose disk seems not to be mounted."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from pytest_django import Settings

from orgs.backups.storage_roots import storage_roots
from tests.stored_archives import make_roots, stored_archive
from tests.worlds import user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roots(settings: Settings, tmp_path: Path) -> None:
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", tmp_path / "cold"


def prepare(*options: str) -> list[str]:
    out = io.StringIO()
    call_command("preparestorage", *options, stdout=out)
    return out.getvalue().splitlines()


def test_new_folders_are_made_and_marked_once() -> None:
    live, cold = settings.ARCHIVES, settings.COLD_STORAGE
    assert prepare() == [f"{live} is marked", f"{cold} is marked"]
    assert prepare() == [f"{live} has its mark already", f"{cold} has its mark already"]
    assert all(root.is_there() for root in storage_roots().both)


def test_a_folder_without_its_archives_is_marked_only_when_they_are_lost() -> None:
    make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
    stored = stored_archive(user("sean"))
    settings.ARCHIVES.rename(settings.ARCHIVES.with_name("unmounted"))
    settings.ARCHIVES.mkdir()
    with pytest.raises(CommandError, match=r"1 archive has to be in .*, and none is there: mount its disk"):
        prepare()
    assert not storage_roots().live.is_there()
    assert prepare("--without-archives")[0] == f"{settings.ARCHIVES} is marked"
    storage_roots().live.mark.unlink()
    storage_roots().live.repository(stored.guid).mkdir()
    assert prepare()[0] == f"{settings.ARCHIVES} is marked", "one of its archives shows that it is the right disk"
