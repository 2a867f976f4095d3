"""Sizes are those of the files on the disk, whatever else is in the folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

import pytest

from orgs.backups import folder_sizes
from orgs.backups.folder_sizes import FolderSize
from tests.archive_folders import GUID, make_repository

pytestmark = pytest.mark.once


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    make_repository(tmp_path / GUID, files=30)
    return tmp_path / GUID


def test_the_size_of_a_repository_is_that_of_its_files(repository: Path) -> None:
    command = ["find", str(repository), "-type", "f", "-printf", "%s\n"]
    sizes = [int(line) for line in subprocess.run(command, capture_output=True, check=True).stdout.split()]
    assert folder_sizes.count(repository) == FolderSize(files=len(sizes), size_bytes=sum(sizes))
    assert len(sizes) == 31


def test_uploads_that_have_not_ended_and_links_do_not_count(repository: Path, tmp_path: Path) -> None:
    before = folder_sizes.count(repository)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "large").write_bytes(b"x" * 10_000)
    (repository / ".tmp").mkdir()
    (repository / ".tmp" / "upload").write_bytes(b"x" * 10_000)
    (repository / "data" / "link").symlink_to(tmp_path / "elsewhere")
    (repository / "index" / "link").symlink_to(tmp_path / "elsewhere" / "large")
    assert folder_sizes.count(repository) == before


def test_a_file_that_is_deleted_while_it_is_counted_is_left_out(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = folder_sizes.count(repository)
    lock = next((repository / "locks").iterdir())
    size = lock.stat().st_size
    real = os.scandir

    def scan(path: str) -> object:
        found = real(path)
        if str(path).endswith("locks"):
            entries = list(found)
            found.close()
            lock.unlink(missing_ok=True)
            return _Listed(entries)
        return found

    monkeypatch.setattr(os, "scandir", scan)
    assert folder_sizes.count(repository) == FolderSize(files=before.files - 1, size_bytes=before.size_bytes - size)


class _Listed(list["os.DirEntry[str]"]):
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


def test_a_folder_that_is_missing_has_no_size(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        folder_sizes.count(tmp_path / GUID)
