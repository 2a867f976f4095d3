"""The folder of a repository is made once: where a stored archive is not at its place, no empty one takes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import Settings

from orgs.actions.backups import repository_folders
from orgs.backups.folder_locks import locked
from orgs.backups.storage_roots import StorageRoots, storage_roots
from orgs.models import Archive
from tests.archive_folders import make_repository
from tests.backups import BackingUp, signed_in_device
from tests.stored_archives import make_roots
from tests.worlds import user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roots(settings: Settings, tmp_path: Path) -> StorageRoots:
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", tmp_path / "cold"
    make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
    return storage_roots()


@pytest.fixture
def laptop() -> BackingUp:
    return signed_in_device(user("sean"))


def create(device: BackingUp) -> str:
    refusal = repository_folders.make(token=device.token, guid=device.guid)
    return refusal.code if refusal else ""


def test_it_is_made_with_all_its_folders_and_again_changes_nothing(laptop: BackingUp, roots: StorageRoots) -> None:
    for _ in range(2):
        assert create(laptop) == ""
        names = {path.name for path in roots.live.repository(laptop.guid).iterdir()}
        assert names == {".tmp", "data", "index", "keys", "locks", "snapshots"}
    assert create(BackingUp(laptop.device, "x" * 43, "")) == "unknown"


def test_a_stored_archive_whose_folder_is_missing_is_not_begun_anew(laptop: BackingUp, roots: StorageRoots) -> None:
    create(laptop)
    Archive.objects.update(size_bytes=1)
    assert create(laptop) == ""
    roots.live.repository(laptop.guid).rename(roots.live.path / "by hand")
    assert create(laptop) == "archive-missing"
    assert not roots.live.repository(laptop.guid).exists()


def test_a_snapshot_that_was_not_counted_yet_is_as_good_as_a_size(laptop: BackingUp, roots: StorageRoots) -> None:
    create(laptop)
    repository_folders.note_snapshot(laptop.guid)
    roots.live.repository(laptop.guid).rename(roots.live.path / "by hand")
    assert create(laptop) == "archive-missing"


@pytest.mark.parametrize("where", ["leaving", "gone"])
@pytest.mark.parametrize("root", ["live", "cold"])
def test_what_is_left_of_an_archive_anywhere_forbids_a_new_one(
    laptop: BackingUp, roots: StorageRoots, root: str, where: str
) -> None:
    left: Path = getattr(getattr(roots, root), where)(laptop.guid)
    make_repository(left)
    assert create(laptop) == "archive-missing"
    shutil.rmtree(left)
    assert create(laptop) == ""


def test_what_a_deletion_that_ended_has_left_does_not(laptop: BackingUp, roots: StorageRoots) -> None:
    roots.cold.gone(laptop.guid).mkdir(parents=True)
    assert create(laptop) == ""
    assert not roots.cold.gone(laptop.guid).exists()


def test_none_is_made_on_the_place_of_a_disk_that_is_not_mounted(laptop: BackingUp, roots: StorageRoots) -> None:
    roots.live.mark.unlink()
    assert create(laptop) == "storage-away"
    assert not roots.live.repository(laptop.guid).exists()


def test_none_is_made_while_the_worker_has_the_folder(laptop: BackingUp, roots: StorageRoots) -> None:
    with locked(roots.live, laptop.guid):
        assert create(laptop) == "archive-busy"
    assert not roots.live.repository(laptop.guid).exists()


class TestRootsInTheDataFolder:
    @pytest.fixture
    def var(self, settings: Settings, tmp_path: Path) -> Path:
        settings.VAR = tmp_path / "var"
        settings.ARCHIVES, settings.COLD_STORAGE = settings.VAR / "archives", settings.VAR / "cold storage"
        settings.VAR.mkdir()
        return tmp_path / "var"

    def test_are_made_with_their_marks(self, laptop: BackingUp, var: Path) -> None:
        assert create(laptop) == ""
        assert storage_roots().cold.is_there()

    def test_are_not_made_where_archives_are_missing(self, laptop: BackingUp, var: Path) -> None:
        other = signed_in_device(user("mia"))
        Archive.objects.filter(device=other.device).update(size_bytes=1)
        assert create(laptop) == "storage-away"
        assert not Path(settings.ARCHIVES).exists()
        make_repository(storage_roots().live.repository(other.guid))
        assert create(laptop) == ""
