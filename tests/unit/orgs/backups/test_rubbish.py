"""Rubbish older than a day is removed, and nothing that is used."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orgs.backups import rubbish
from orgs.backups.folder_locks import locked
from orgs.backups.folders import StorageRoot
from tests.archive_folders import GUID, contents, folders_in, make_repository

pytestmark = pytest.mark.once

OTHER = "999999999999999999"


@pytest.fixture
def root(tmp_path: Path) -> StorageRoot:
    """A root with an archive, an upload, a leftover of restic, a copy that was given up, and one half deleted."""
    root = StorageRoot(tmp_path)
    make_repository(root.repository(GUID))
    (root.repository(GUID) / ".tmp").mkdir()
    (root.repository(GUID) / ".tmp" / "upload").write_text("half")
    (root.repository(GUID) / "index" / f"{'0' * 64}-tmp-77").write_text("half")
    (root.repository(GUID) / "data" / "aa").mkdir(exist_ok=True)
    (root.repository(GUID) / "data" / "aa" / f"{'a' * 64}-tmp-78").write_text("half")
    make_repository(root.arriving(GUID))
    make_repository(root.gone(OTHER))
    make_repository(root.leaving(OTHER))
    return root


def _in(**later: float) -> datetime:
    """Return a later time: the age of files can't be set, as the time of their renaming counts too."""
    return datetime.now(UTC) + timedelta(**later)


def test_what_is_older_than_a_day_is_removed(root: StorageRoot) -> None:
    assert rubbish.remove_files(root.repository(GUID), at=_in(hours=25)) == 3
    assert rubbish.remove_folders(root, locks=root, moving=(), at=_in(hours=25)) == 2
    assert folders_in(root) == {GUID, f".leaving/{OTHER}"}
    assert not list(root.repository(GUID).glob(".tmp/*"))
    assert not [name for name in contents(root.repository(GUID)) if "-tmp-" in name]


def test_what_is_younger_stays(root: StorageRoot) -> None:
    before = folders_in(root)
    assert rubbish.remove_files(root.repository(GUID), at=_in(hours=23)) == 0
    assert rubbish.remove_folders(root, locks=root, moving=(), at=_in(hours=23)) == 0
    assert folders_in(root) == before


def test_an_upload_that_is_still_written_to_stays(root: StorageRoot) -> None:
    upload = root.repository(GUID) / ".tmp" / "upload"
    os.utime(upload, times=(_in(hours=24).timestamp(), _in(hours=24).timestamp()))
    assert rubbish.remove_files(root.repository(GUID), at=_in(hours=25)) == 2
    assert upload.exists()


def test_what_a_move_still_needs_stays(root: StorageRoot) -> None:
    assert rubbish.remove_folders(root, locks=root, moving={GUID}, at=_in(hours=25)) == 1
    assert f".arriving/{GUID}" in folders_in(root)


def test_what_another_process_works_on_stays(root: StorageRoot) -> None:
    with locked(root, OTHER):
        assert rubbish.remove_folders(root, locks=root, moving=(), at=_in(hours=25)) == 1
    assert f".gone/{OTHER}" in folders_in(root)


def test_the_locks_of_killed_processes_are_removed(root: StorageRoot) -> None:
    (root.path / ".locks").mkdir(exist_ok=True)
    root.lock(GUID).touch()
    rubbish.remove_folders(root, locks=root, moving=(), at=_in(hours=23))
    assert root.lock(GUID).exists()
    rubbish.remove_folders(root, locks=root, moving=(), at=_in(hours=25))
    assert not root.lock(GUID).exists()


def test_links_are_neither_followed_nor_removed(root: StorageRoot, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").touch()
    upload = root.repository(GUID) / ".tmp" / "link"
    upload.symlink_to(elsewhere / "file")
    (root.path / ".gone" / GUID).symlink_to(elsewhere)
    rubbish.remove_files(root.repository(GUID), at=_in(hours=25))
    rubbish.remove_folders(root, locks=root, moving=(), at=_in(hours=25))
    assert (elsewhere / "file").exists()
    assert upload.is_symlink()


def test_a_root_without_archives_has_no_rubbish(tmp_path: Path) -> None:
    root = StorageRoot(tmp_path)
    assert rubbish.remove_files(root.repository(GUID), at=_in(hours=25)) == 0
    assert rubbish.remove_folders(root, locks=root, moving=(), at=_in(hours=25)) == 0
