"""Marks storage roots, so that a folder whose disk is not mounted is never taken for one."""

from __future__ import annotations

import os
from collections.abc import Collection

from orgs.backups.durable_files import sync_folder
from orgs.backups.folders import ARRIVING, FILE_MODE, FOLDER_MODE, GONE, LEAVING, StorageRoot
from orgs.backups.move_errors import RootMissing

_TEXT = (
    b"Archives of Rollcall are stored here. Without this file Rollcall takes the disk for one that is not mounted.\n"
)


def mark(root: StorageRoot) -> None:
    """Make a storage root, with its mark, on the disk; one that is there stays as it is."""
    root.path.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    descriptor = os.open(root.mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_TEXT)
        file.flush()
        os.fsync(descriptor)
    sync_folder(root.path)
    sync_folder(root.path.parent)


def need(*roots: StorageRoot) -> None:
    """Go on only with these roots.

    Raises:
        RootMissing: when one is not there, or has no mark.
    """
    for root in roots:
        if not root.is_there():
            raise RootMissing(root.path)


def has_any(root: StorageRoot, guids: Collection[str]) -> bool:
    """Return whether a folder of one of these archives is in the root, in whatever state."""
    folders = [root.path, *(root.path / name for name in (LEAVING, ARRIVING, GONE))]
    return any(os.path.lexists(above / guid) for guid in guids for above in folders)
