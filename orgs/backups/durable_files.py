"""Makes folders and renames files so that both survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from orgs.backups.folders import FOLDER_MODE


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder that only Rollcall may read, if it is not there; the one above it has to be there."""
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir():
            raise
    else:
        sync_folder(folder.parent)


def rename(before: Path, after: Path) -> None:
    """Rename a file or a folder, and wait until the new name is on the disk."""
    before.rename(after)
    sync_folder(after.parent)
    if before.parent != after.parent:
        sync_folder(before.parent)
