"""A disk keeps a reserve: nothing is stored that would use it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from orgs.backups import folder_copies, free_space
from orgs.backups.move_errors import NoRoom
from tests.archive_folders import GUID, make_repository

pytestmark = pytest.mark.once


def disk(monkeypatch: pytest.MonkeyPatch, *, blocks: int, free: int) -> None:
    found = SimpleNamespace(f_blocks=blocks, f_bavail=free, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _folder: found)


@pytest.mark.parametrize(
    ("blocks", "reserve"),
    [(1024**3, 1024**3), (1000, 1000 * 4096 // 20)],
    ids=["a gibibyte of a large disk", "a part of a small one"],
)
def test_the_reserve_is(monkeypatch: pytest.MonkeyPatch, blocks: int, reserve: int) -> None:
    disk(monkeypatch, blocks=blocks, free=blocks // 2)
    assert free_space.free_bytes(Path("/")) == blocks // 2 * 4096 - reserve
    disk(monkeypatch, blocks=blocks, free=0)
    assert free_space.free_bytes(Path("/")) == -reserve


def test_a_copy_that_has_no_room_begins_with_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / GUID, tmp_path / "copy"
    make_repository(source, files=20, largest=20_000)
    with monkeypatch.context() as patched:
        disk(patched, blocks=1000, free=51)
        with pytest.raises(NoRoom, match="bytes that may still be stored there: 4,096"):
            folder_copies.copy(source, target, go_on=lambda: None)
    assert not target.exists()
    folder_copies.copy(source, target, go_on=lambda: None)

    # What was copied is not counted again.
    disk(monkeypatch, blocks=1000, free=51)
    folder_copies.copy(source, target, go_on=lambda: None)
