"""Removes what uploads, moves and purges have left in a storage root when they were killed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from orgs.backups.folder_locks import FolderLocked, locked
from orgs.backups.folder_moves import delete_folder
from orgs.backups.folders import ARRIVING, GONE, GUID, KINDS, LOCKS, RESTIC_LEFTOVER, StorageRoot, uploads

# Nothing that is still written to is as old: an upload lasts minutes.
OLD = timedelta(days=1)


def remove_files(repository: Path, *, at: datetime) -> int:
    """Remove, older than a day, uploads that have not ended, and what a restic that was killed has left; return how many."""
    removed, limit = 0, (at - OLD).timestamp()
    for path in [*_names(uploads(repository)), *_leftovers(repository)]:
        # Its upload may have ended meanwhile, or its archive have moved.
        with suppress(FileNotFoundError):
            if stat.S_ISREG(path.lstat().st_mode) and changed_at(path) < limit:
                path.unlink()
                removed += 1
    return removed


def remove_folders(
    root: StorageRoot,
    *,
    locks: StorageRoot,
    moving: Collection[str],
    stored: Collection[str] = (),
    at: datetime,
    go_on: Callable[[], None] = lambda: None,
) -> int:
    """Remove, older than a day, copies that were given up, and archives whose deletion has not ended; return how many.

    Those of the GUIDs in ``moving`` stay, as their moves still go on. So does what was being deleted of those in ``stored``,
    unless it is empty: a database from a backup may have such an archive again. ``locks`` is the root with the locks of
    archives; the files of locks whose processes were killed are removed from it. ``go_on`` is called after each file.
    """
    removed, limit = 0, (at - OLD).timestamp()
    for name in (ARRIVING, GONE):
        for folder in _repositories(root.path / name):
            if folder.name in moving or changed_at(folder) >= limit:
                continue
            if name == GONE and folder.name in stored and _names(folder):
                continue
            with suppress(FolderLocked), locked(locks, folder.name):
                removed += delete_folder(folder, go_on)
    if root == locks:
        _remove_locks(root, limit)
    return removed


def _repositories(folder: Path) -> Iterator[Path]:
    """Yield the folders that have the name of an archive; links are left out."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if GUID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                yield folder / entry.name


def _leftovers(repository: Path) -> Iterator[Path]:
    folders = [repository, *(repository / kind for kind in KINDS)]
    folders += [path for path in _names(repository / "data") if not path.is_symlink() and path.is_dir()]
    for folder in folders:
        yield from (path for path in _names(folder) if RESTIC_LEFTOVER.fullmatch(path.name))


def _names(folder: Path) -> list[Path]:
    if folder.is_symlink():
        return []
    with suppress(FileNotFoundError, NotADirectoryError):
        return list(folder.iterdir())
    return []


def _remove_locks(root: StorageRoot, limit: float) -> None:
    """Remove the files of locks whose processes were killed."""
    for path in _names(root.path / LOCKS):
        if GUID.fullmatch(path.name) and path.lstat().st_mtime < limit:
            # Whoever releases a lock removes its file.
            with suppress(FolderLocked), locked(root, path.name):
                pass


def changed_at(path: Path) -> float:
    """Return when a file or a folder was written to or renamed, whichever came later; the latter only moves ``ctime``."""
    found = path.lstat()
    return max(found.st_mtime, found.st_ctime)
