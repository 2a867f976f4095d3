"""A storage root is there when it has its mark; the place of a disk that is not mounted has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgs.backups import root_marks
from orgs.backups.folders import StorageRoot
from orgs.backups.move_errors import RootMissing
from tests.archive_folders import GUID, make_repository

pytestmark = pytest.mark.once


def test_a_root_is_made_with_its_mark_and_stays_as_it_is(tmp_path: Path) -> None:
    root = StorageRoot(tmp_path / "disk" / "archives")
    for _ in range(2):
        root_marks.mark(root)
        assert root.is_there()
        assert [path.name for path in root.path.iterdir()] == [".rollcall-storage"]
        assert (root.mark.stat().st_mode & 0o777, root.path.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_folder_without_a_mark_is_no_root(tmp_path: Path) -> None:
    marked, other = StorageRoot(tmp_path / "marked"), StorageRoot(tmp_path / "other")
    root_marks.mark(marked)
    root_marks.need(marked)
    for _ in range(2):
        with pytest.raises(RootMissing, match="other is not there, or has no mark"):
            root_marks.need(marked, other)
        other.path.mkdir(exist_ok=True)
    other.mark.mkdir()
    assert not other.is_there(), "a mark is a file"


@pytest.mark.parametrize("name", ["repository", "leaving", "arriving", "gone"])
def test_an_archive_is_found_in_whatever_state(tmp_path: Path, name: str) -> None:
    root = StorageRoot(tmp_path)
    make_repository(getattr(root, name)(GUID))
    assert root_marks.has_any(root, ["1" * 18, GUID])
    assert not root_marks.has_any(root, ["1" * 18])
