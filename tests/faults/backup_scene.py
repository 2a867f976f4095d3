"""A store with a device that backs up by a real restic, for faults: what may be killed, and what has to be there afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from orgs.backups import folders
from orgs.backups.storage_roots import StorageRoots
from tests.backups import BackingUp, signed_in_device
from tests.browser.conftest import database_url
from tests.faults.processes import Process, wait_for
from tests.restic_client import Restic
from tests.store_server import StoreServer, running_store
from tests.worlds import user

CLEAN = "no errors were found"
# A backup takes some seconds, so that something may happen meanwhile.
SLOWLY = ("--limit-upload", "6000")


@dataclass(slots=True)
class BackupScene:
    """A store, a device with an archive of one snapshot, and files that have changed since."""

    store: StoreServer
    laptop: BackingUp
    restic: Restic
    files: Path

    @property
    def local(self) -> Restic:
        """Restic as the worker calls it."""
        return Restic.beside_store(self.store, self.laptop, self.restic.folder)

    @property
    def folder(self) -> Path:
        """The folder of the archive."""
        return self.store.folder(self.laptop)

    def change_files(self, *, megabytes: int = 40) -> None:
        """Make the files new, so that a backup has something to store."""
        self.files.mkdir(exist_ok=True)
        for number in range(megabytes):
            (self.files / f"file {number}").write_bytes(os.urandom(1024**2))

    def begin_backup(self) -> Process:
        """Start a backup that takes seconds, and wait until packs of it are stored."""
        before = self.packs()
        begun = self.restic.begin(*SLOWLY, "backup", str(self.files))
        wait_for(lambda: self.packs() > before or not begun.runs, "packs are stored", seconds=180)
        assert begun.runs, begun.log
        return begun

    def packs(self) -> int:
        """Return how many files of data the archive has."""
        return sum(len(names) for _folder, _folders, names in os.walk(self.folder / "data"))

    def count(self, kind: str) -> int:
        """Return how many files of another kind it has; ``.tmp`` are uploads."""
        return len(list((self.folder / kind).iterdir()))

    def locks(self) -> int:
        """Return how many locks of restic there are, without those that it still writes."""
        return sum(bool(folders.FILE_NAME.fullmatch(path.name)) for path in (self.folder / "locks").iterdir())

    def snapshots(self) -> int:
        """Return how many snapshots restic lists."""
        return len(json.loads(self.local.does("snapshots", "--json", "--no-lock")))

    def lost(self) -> int:
        """Check every byte of the archive; return how many files its latest snapshot lacks, or has otherwise."""
        self.local.does("unlock", "--remove-all")
        assert CLEAN in self.local.does("check", "--read-data")
        return self.local.differing_files(self.files)


@contextmanager
def backup_scene(folder: Path, **environment: str) -> Iterator[BackupScene]:
    """Give a scene with one snapshot."""
    laptop = signed_in_device(user("sean"))
    with running_store(**environment) as store:
        scene = BackupScene(store, laptop, Restic.on_device(store, laptop, folder), folder / "documents")
        scene.change_files(megabytes=2)
        scene.restic.does("init")
        scene.restic.does("backup", str(scene.files))
        scene.change_files()
        yield scene


def begin_moves(roots: StorageRoots, *arguments: str) -> subprocess.Popen[str]:
    """Start a process that carries out the moves that wait, and let it go; ``arguments`` are those of ``archive_mover``."""
    given = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "ARCHIVES": str(roots.live.path),
        "COLD_STORAGE": str(roots.cold.path),
    }
    command = [sys.executable, "-m", "tests.faults.archive_mover", *arguments]
    process = subprocess.Popen(
        command, env=os.environ | given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    go_on(process)
    return process


def go_on(process: subprocess.Popen[str]) -> None:
    """Let a process that waits for a line of input go on."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@contextmanager
def small_disk(folder: Path, *, kilobytes: int) -> Iterator[Path]:
    """Mount a small file system at a new folder; where that is not allowed, the test is skipped."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(disk: Path, *, kilobytes: int) -> None:
    """Give a small disk more room."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(disk)], check=True)
