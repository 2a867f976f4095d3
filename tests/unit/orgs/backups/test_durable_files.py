"""Folders and new names are written through to the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orgs.backups import durable_files

pytestmark = pytest.mark.once


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were written through to the disk, in turn."""
    paths: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        paths.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_a_folder_is_made_for_rollcall_alone_and_its_name_is_on_the_disk(tmp_path: Path, synced: list[str]) -> None:
    durable_files.make_folder(tmp_path / "made")
    assert (tmp_path / "made").stat().st_mode & 0o7777 == 0o700
    assert synced == [str(tmp_path)]
    durable_files.make_folder(tmp_path / "made")
    assert synced == [str(tmp_path)]


def test_a_link_is_not_taken_for_the_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        durable_files.make_folder(tmp_path / "link")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        durable_files.sync_folder(tmp_path / "link")


def test_a_new_name_is_on_the_disk_in_both_folders(tmp_path: Path, synced: list[str]) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "file").touch()
    durable_files.rename(tmp_path / "here" / "file", tmp_path / "there" / "file")
    assert synced == [str(tmp_path / "there"), str(tmp_path / "here")]
    assert (tmp_path / "there" / "file").exists()
