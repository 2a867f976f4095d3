"""Locks the folders of one archive, so that one process at a time moves, prunes or deletes them."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orgs.backups.durable_files import make_folder
from orgs.backups.folders import FILE_MODE, LOCKS, StorageRoot

log = logging.getLogger("rollcall.archives")


class FolderLocked(Exception):
    """Another process works on the folders of this archive."""


@contextmanager
def locked(root: StorageRoot, guid: str) -> Iterator[int]:
    """Lock an archive's folders, in all roots, by a file in ``root``: that of live archives. A killed process holds no lock.

    Gives the descriptor of the lock: a program that inherits it goes on to hold the lock if this process is killed.

    Raises:
        FolderLocked: when another process works on them.
    """
    path = root.lock(guid)
    make_folder(root.path / LOCKS)
    descriptor = _acquire(path)
    try:
        yield descriptor
    finally:
        try:
            # Removed while it is locked: who waits for it sees that it is another file by then.
            path.unlink(missing_ok=True)
        except OSError as error:
            # A file that nobody locks is in nobody's way.
            log.warning("%s can't be removed: %s", path, error)
        finally:
            os.close(descriptor)


def is_locked(root: StorageRoot, guid: str) -> bool:
    """Return whether a process works on the folders of this archive now; those who only read take no lock."""
    try:
        descriptor = os.open(root.lock(guid), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(path, descriptor):
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise FolderLocked(f"another process works on the archive {path.name}") from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))
