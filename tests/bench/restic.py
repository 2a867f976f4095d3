"""Restic as a measurement calls it, and files that it backs up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.bench.measuring import CommandFailed, Measured, run

MEGABYTE = 1024**2
_BLOCK = 16 * MEGABYTE


class Restic:
    """Restic on one repository, with a folder and a cache of its own; ``nice`` is its priority."""

    def __init__(self, folder: Path, address: str, password: str, *, nice: int = 0) -> None:
        folder.mkdir()
        self.folder = folder
        own = {"RESTIC_REPOSITORY": address, "RESTIC_PASSWORD": password, "RESTIC_CACHE_DIR": str(folder / "cache")}
        self._environment = os.environ | own
        self._before = ["nice", "-n", str(nice)] if nice else []

    def run(self, *arguments: str) -> Measured:
        """Run a command to its end; raises CommandFailed."""
        return run([*self._before, "restic", *arguments], environment=self._environment)

    def clear(self) -> None:
        """Remove its folder with all that is in it."""
        shutil.rmtree(self.folder)


def need_restic() -> None:
    """Raise CommandFailed where restic is not installed."""
    if shutil.which("restic") is None:
        raise CommandFailed("restic is not installed: apt-get install restic")


def write_files(folder: Path, *, large: int, large_bytes: int, small: int) -> tuple[int, int]:
    """Write files that can't be compressed; return their bytes and how many there are."""
    folder.mkdir()
    total = 0
    for number in range(large):
        with (folder / f"large {number}").open("wb") as file:
            for left in range(large_bytes, 0, -_BLOCK):
                total += file.write(os.urandom(min(_BLOCK, left)))
    for number in range(small):
        # 2 to 202 kB, always the same.
        path = folder / f"folder {number // 500}" / f"small {number}"
        path.parent.mkdir(exist_ok=True)
        total += path.write_bytes(os.urandom(2000 + number * 7919 % 200_000))
    return total, large + small
