"""Folders of archives for tests: repositories with random files, and what is in them afterwards."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from orgs.backups import folders
from orgs.backups.folders import StorageRoot
from tests.tree import ROOT

GUID = "123456789012345678"
# Another file system than that of temporary files, on most machines.
OTHER_DISK = Path("/dev/shm")


def make_repository(repository: Path, *, files: int = 12, largest: int = 5000, seed: int = 1) -> None:
    """Make a repository of files with random content, each named by its SHA-256, as restic and the store do."""
    chance = random.Random(seed)
    repository.mkdir(0o700, parents=True)
    _write(repository / folders.CONFIG, chance.randbytes(155))
    for kind in folders.KINDS:
        (repository / kind).mkdir(0o700)
    for number in range(files):
        content = chance.randbytes(chance.randrange(1, largest))
        kind = folders.KINDS[number % 5] if number < 10 else folders.DATA
        path = folders.file_path(repository, kind, sha256(content).hexdigest())
        path.parent.mkdir(0o700, exist_ok=True)
        _write(path, content)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def contents(repository: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a repository by its path, and an empty text for each folder; no uploads."""
    return {
        str(path.relative_to(repository)): "" if path.is_dir() else sha256(path.read_bytes()).hexdigest()
        for path in sorted(repository.rglob("*"))
        if path.relative_to(repository).parts[0] != folders.UPLOADS
    }


def folders_in(root: StorageRoot) -> set[str]:
    """Return which folders of archives a root has: ``GUID``, ``.leaving/GUID`` and so on."""
    places = [root.path, *(root.path / name for name in folders.ROOT_FOLDERS)]
    return {str(path.relative_to(root.path)) for each in places for path in each.glob("[0-9]*")}


def kill_moves(live: Path, cold: Path, kills: int) -> dict[str, Any]:
    """Have moves between two roots killed so often each way, in a process of its own; return what came of it."""
    command = [sys.executable, "-m", "tests.faults.killed_moves", live, cold, kills, kills]
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def other_disk() -> Iterator[Path]:
    """A folder on another file system, which is empty afterwards."""
    with tempfile.TemporaryDirectory(dir=OTHER_DISK, prefix="rollcall-tests-") as folder:
        yield Path(folder)
