"""Moves the folder of an archive between storage roots, and deletes it; a crash at any moment loses nothing.

A move needs no note of how far it is, as the folders show it:

1. The folder is renamed to ``.leaving`` of its root. From here no upload can end, as its path is gone.
2. On the same file system it is renamed to its own name in the other root. Else it is copied to ``.arriving`` there, each
   file compared with its name, and then renamed.
3. What is left in ``.leaving`` is deleted.

What stands under its own name is whole. If that is in the root to which the move goes, ``.leaving`` is rubbish; if not,
``.leaving`` is the archive. So a move that is turned round before it has come over is a rename back.

The caller holds the lock of the archive (``folder_locks``) and knows from the database where it belongs.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Collection
from pathlib import Path

from orgs.backups import folder_copies
from orgs.backups.durable_files import make_folder, rename, sync_folder
from orgs.backups.folders import ARRIVING, GONE, LEAVING, StorageRoot
from orgs.backups.move_errors import FolderMissing, RootMissing, TwoFolders, UnexpectedFile, in_words


def _always() -> None:
    """Let a move go on."""


def move(guid: str, *, source: StorageRoot, target: StorageRoot, go_on: Callable[[], None] = _always) -> None:
    """Bring an archive from one root to the other, from whatever state earlier moves have left, in either direction.

    ``go_on`` is called after each file that was copied, and may raise to interrupt the move, which goes on at the next call.

    Raises:
        MoveStopped: when the move can't go on; its sentence says why, and nothing is lost.
    """
    with in_words():
        if not target.path.is_dir() and not _is_there(source.repository(guid)):
            raise RootMissing(target.path)
        _refuse_two_folders(guid, source, target)
        if _is_there(target.leaving(guid)):
            _end_other_direction(guid, source=target, target=source)
        if not _is_there(target.repository(guid)):
            _fence(guid, source)
            _bring(guid, source, target, go_on)
        for rubbish in (source.leaving(guid), target.arriving(guid), source.arriving(guid)):
            delete_folder(rubbish)


def begin_purge(guid: str, *, roots: Collection[StorageRoot]) -> None:
    """Take the archive's names away, without deleting a file: from here it is lost, and ``purge`` deletes it.

    It is quick, so that it has room in the transaction that asks whether the archive may be deleted.

    Raises:
        MoveStopped: when a storage root is missing, or can't be written to.
    """
    with in_words():
        _need_roots(roots)
        for root in roots:
            for folder in (root.repository(guid), root.leaving(guid)):
                if os.path.lexists(folder) and not os.path.lexists(root.gone(guid)):
                    make_folder(root.path / GONE)
                    rename(folder, root.gone(guid))


def purge_has_begun(guid: str, *, roots: Collection[StorageRoot]) -> bool:
    """Return whether a purge has taken the archive's name away, so that there is no way back."""
    return any(os.path.lexists(root.gone(guid)) for root in roots)


def purge(guid: str, *, roots: Collection[StorageRoot]) -> bool:
    """Delete all folders of an archive in these roots; return whether there was one.

    Raises:
        MoveStopped: when one can't be deleted. What is left of it has no name of an archive any more.
    """
    with in_words():
        _need_roots(roots)
        found = False
        for root in roots:
            found |= delete_folder(root.gone(guid))
            for folder in (root.repository(guid), root.leaving(guid), root.arriving(guid)):
                if os.path.lexists(folder):
                    make_folder(root.path / GONE)
                    rename(folder, root.gone(guid))
                    found |= delete_folder(root.gone(guid))
        return found


def _need_roots(roots: Collection[StorageRoot]) -> None:
    """Stop a purge where a root is missing: what is on it would stay, although nobody knows of it any more."""
    for root in roots:
        if not root.path.is_dir():
            raise RootMissing(root.path)


def _refuse_two_folders(guid: str, source: StorageRoot, target: StorageRoot) -> None:
    """Stop where no move of ours can have led to, and one of two folders would have to be given up."""
    here, there = source.repository(guid), target.repository(guid)
    pairs = [(here, there), (here, source.leaving(guid)), (there, target.leaving(guid))]
    pairs.append((source.leaving(guid), target.leaving(guid)))
    for one, other in pairs:
        if _is_there(one) and _is_there(other):
            raise TwoFolders(one, other)


def _end_other_direction(guid: str, *, source: StorageRoot, target: StorageRoot) -> None:
    """End a move that had begun in the other direction: it either came over, or never happened."""
    if _is_there(target.repository(guid)):
        delete_folder(source.leaving(guid))
    else:
        rename(source.leaving(guid), source.repository(guid))
        delete_folder(target.arriving(guid))


def _fence(guid: str, source: StorageRoot) -> None:
    """Take the archive's own name away, so that nothing is written to it any more."""
    if _is_there(source.leaving(guid)):
        return
    if not _is_there(source.repository(guid)):
        raise FolderMissing(source.repository(guid))
    make_folder(source.path / LEAVING)
    rename(source.repository(guid), source.leaving(guid))


def _bring(guid: str, source: StorageRoot, target: StorageRoot, go_on: Callable[[], None]) -> None:
    if not target.path.is_dir():
        raise RootMissing(target.path)
    try:
        rename(source.leaving(guid), target.repository(guid))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        make_folder(target.path / ARRIVING)
        folder_copies.copy(source.leaving(guid), target.arriving(guid), go_on=go_on)
        rename(target.arriving(guid), target.repository(guid))


def _is_there(folder: Path) -> bool:
    """Return whether a folder is there.

    Raises:
        UnexpectedFile: when a link or a file has its name.
    """
    try:
        mode = folder.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(mode):
        raise UnexpectedFile(folder)
    return True


def delete_folder(folder: Path) -> bool:
    """Delete a folder, or what else has its name, if it is there; return whether it was."""
    if not os.path.lexists(folder):
        return False
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
    else:
        shutil.rmtree(folder)
    sync_folder(folder.parent)
    return True
