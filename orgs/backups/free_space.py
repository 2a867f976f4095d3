"""Knows how much may still be stored: a disk is never filled to its end, as deletions and the database need some of it."""

from __future__ import annotations

import os
from pathlib import Path

GIBIBYTE = 1024**3
# The reserve of a small disk is a part of it.
_PART_OF_DISK = 20


def free_bytes(folder: Path) -> int:
    """Return how many bytes may be stored on the file system of a folder, without its reserve; negative below it.

    Raises:
        OSError: when the folder is not there.
    """
    disk = os.statvfs(folder)
    reserve = min(GIBIBYTE, disk.f_blocks * disk.f_frsize // _PART_OF_DISK)
    return disk.f_bavail * disk.f_frsize - reserve
