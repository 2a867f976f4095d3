"""One process at a time works on the folders of an archive; one that was killed is in nobody's way."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orgs.backups.folder_locks import FolderLocked, locked
from orgs.backups.folders import BadName, StorageRoot
from tests.archive_folders import GUID
from tests.tree import ROOT

pytestmark = pytest.mark.once

LOCKS_AND_WAITS = """
import sys
from pathlib import Path
from orgs.backups.folder_locks import locked
from orgs.backups.folders import StorageRoot
with locked(StorageRoot(Path(sys.argv[1])), sys.argv[2]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    root = StorageRoot(tmp_path)
    command = [sys.executable, "-c", LOCKS_AND_WAITS, str(tmp_path), GUID]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        with pytest.raises(FolderLocked, match=GUID), locked(root, GUID):
            pass
        with locked(root, "999999999999999999"):
            pass
        first.kill()
    assert root.lock(GUID).exists()
    with locked(root, GUID):
        assert root.lock(GUID).stat().st_mode & 0o777 == 0o600
    assert not root.lock(GUID).exists()


def test_a_lock_whose_file_was_removed_by_another_process_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, real, opened = StorageRoot(tmp_path), os.open, list[int]()

    def open_and_lose(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = real(path, flags, mode)
        if str(path).endswith(GUID):
            opened.append(descriptor)
            if len(opened) == 1:
                root.lock(GUID).unlink()
        return descriptor

    monkeypatch.setattr(os, "open", open_and_lose)
    with locked(root, GUID):
        assert root.lock(GUID).exists()
    assert len(opened) == 2


def test_only_an_archive_can_be_locked(tmp_path: Path) -> None:
    with pytest.raises(BadName), locked(StorageRoot(tmp_path), "../../etc"):
        pass


def test_a_lock_whose_file_can_not_be_removed_is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = StorageRoot(tmp_path)

    def read_only(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", read_only)
        with locked(root, GUID):
            assert _is_open(root.lock(GUID))
    assert not _is_open(root.lock(GUID))
    with locked(root, GUID):
        pass


def _is_open(path: Path) -> bool:
    """Return whether this process has the file open."""
    return any(path == each.resolve() for each in Path("/proc/self/fd").iterdir())
