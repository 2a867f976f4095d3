"""A real restic on a device of a test, against the store or on the local folder of an archive."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.backups import BackingUp
from tests.faults.processes import Process
from tests.store_server import StoreServer

RESTIC = shutil.which("restic")
MISSING = "restic is not installed: .ci/setup test installs it"


class Restic:
    """Restic with the address and the password of one repository."""

    def __init__(self, address: str, password: str, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RESTIC_REPOSITORY": address,
            "RESTIC_PASSWORD": password,
            "RESTIC_CACHE_DIR": str(folder / "cache"),
            # Progress goes to the output now and then, also without a terminal.
            "RESTIC_PROGRESS_FPS": "4",
        }

    @classmethod
    def on_device(cls, store: StoreServer, device: BackingUp, folder: Path) -> Restic:
        """Return restic as the agent calls it."""
        return cls(store.url(device), device.password, folder)

    @classmethod
    def beside_store(cls, store: StoreServer, device: BackingUp, folder: Path) -> Restic:
        """Return restic as the worker calls it, on the folder of the archive."""
        return cls(str(store.folder(device)), device.password, folder)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run restic to its end, however it ends."""
        return subprocess.run(
            [str(RESTIC), *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def does(self, *arguments: str) -> str:
        """Run restic, which has to end well, and return its output."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def begin(self, *arguments: str) -> Process:
        """Start restic, without waiting for it."""
        return Process("restic", [str(RESTIC), *arguments], self.environment, self.folder)

    def differing_files(self, source: Path) -> int:
        """Restore the latest snapshot; return how many files of a folder are not in it as they are there."""
        with tempfile.TemporaryDirectory(dir=self.folder) as target:
            self.does("restore", "latest", "--target", target)
            return differing(source, Path(target) / source.relative_to("/"))


def differing(folder: Path, other: Path) -> int:
    """Return how many files of a folder another one has not, or not the same."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    _same, different, missing = filecmp.cmpfiles(folder, other, names, shallow=False)
    return len(different) + len(missing)
