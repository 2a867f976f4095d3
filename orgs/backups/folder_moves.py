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
import stat
from collections.abc import Callable, Collection
from pathlib import Path

from orgs.backups import folder_copies, folder_sizes
from orgs.backups.durable_files import make_folder, rename, sync_folder
from orgs.backups.folders import ARRIVING, GONE, LEAVING, StorageRoot
from orgs.backups.move_errors import FolderMissing, TwoFolders, UnexpectedFile, in_words
from orgs.backups.root_marks import need


def _always() -> None:
    """Let a move go on."""


def move(guid: str, *, source: StorageRoot, target: StorageRoot, go_on: Callable[[], None] = _always) -> None:
    """Bring an archive from one root to the other, from whatever state earlier moves have left, in either direction.

    ``go_on`` is called after each file that was copied or deleted, and may raise to interrupt the move, which goes on at
    the next call.

    Raises:
        MoveStopped: when the move can't go on; its sentence says why, and nothing is lost.
    """
    with in_words():
        need(source)
        # Without the root to which it goes, the archive still comes under the fence: nothing more is written to it.
        if not _is_there(source.repository(guid)):
            need(target)
        _refuse_two_folders(guid, source, target)
        if _is_there(target.leaving(guid)):
            _end_other_direction(guid, source=target, target=source, go_on=go_on)
        if not _is_there(target.repository(guid)):
            _fence(guid, source)
            _bring(guid, source, target, go_on)
        for rubbish in (source.leaving(guid), target.arriving(guid), source.arriving(guid)):
            delete_folder(rubbish, go_on)


def begin_purge(guid: str, *, roots: Collection[StorageRoot]) -> bool:
    """Take the archive's name away, without deleting a file; return whether there is one, or was before an earlier call.

    The folder that is the archive goes to ``.gone`` of its root, whole: ``call_off_purge`` brings it back from there.

    Raises:
        MoveStopped: when a storage root is missing, or can't be written to.
    """
    with in_words():
        need(*roots)
        if purge_has_begun(guid, roots=roots):
            return True
        # What stands under its own name is whole. Where nothing does, it is on its way.
        candidates = [(root, root.repository(guid)) for root in roots] + [(root, root.leaving(guid)) for root in roots]
        for root, folder in candidates:
            if os.path.lexists(folder):
                make_folder(root.path / GONE)
                rename(folder, root.gone(guid))
                return True
        return False


def call_off_purge(guid: str, *, roots: Collection[StorageRoot], size_bytes: int) -> bool:
    """Give an archive of this size its name back, if no file of it was deleted; return whether it is whole now.

    Raises:
        MoveStopped: when a storage root is missing, or can't be written to.
    """
    with in_words():
        need(*roots)
        for root in roots:
            gone = root.gone(guid)
            if _is_there(gone):
                if folder_sizes.count(gone).size_bytes != size_bytes or _is_there(root.repository(guid)):
                    return False
                rename(gone, root.repository(guid))
        return True


def purge_has_begun(guid: str, *, roots: Collection[StorageRoot]) -> bool:
    """Return whether a purge has taken the archive's name away, or has deleted it without having ended."""
    return any(os.path.lexists(root.gone(guid)) for root in roots)


def purge(guid: str, *, roots: Collection[StorageRoot], go_on: Callable[[], None] = _always) -> None:
    """Delete all files of an archive in these roots, after ``begin_purge``; ``end_purge`` follows once its row is gone.

    An empty folder in ``.gone`` is left until then: without it a purge that was stopped before the end of the row would
    look like an archive that is lost. ``go_on`` is called after each file, and may raise to interrupt.

    Raises:
        MoveStopped: when one can't be deleted. What is left of it has no name of an archive any more.
    """
    with in_words():
        need(*roots)
        for root in roots:
            # First what was rubbish already: what is whole stays so for longer.
            for folder in (root.leaving(guid), root.arriving(guid)):
                delete_folder(folder, go_on)
        for root in roots:
            gone = root.gone(guid)
            if gone.is_symlink() or gone.is_file():
                gone.unlink()
                make_folder(gone)
            elif gone.is_dir():
                _empty(gone, go_on)
        for root in roots:
            delete_folder(root.repository(guid), go_on)


def end_purge(guid: str, *, roots: Collection[StorageRoot]) -> None:
    """Remove the empty folders that ``purge`` has left; whoever is stopped before leaves rubbish that hurts nobody."""
    with in_words():
        for root in roots:
            delete_folder(root.gone(guid))


def _refuse_two_folders(guid: str, source: StorageRoot, target: StorageRoot) -> None:
    """Stop where no move of ours can have led to, and one of two folders would have to be given up."""
    here, there = source.repository(guid), target.repository(guid)
    pairs = [(here, there), (here, source.leaving(guid)), (there, target.leaving(guid))]
    pairs.append((source.leaving(guid), target.leaving(guid)))
    for one, other in pairs:
        if _is_there(one) and _is_there(other):
            raise TwoFolders(one, other)


def _end_other_direction(guid: str, *, source: StorageRoot, target: StorageRoot, go_on: Callable[[], None]) -> None:
    """End a move that had begun in the other direction: it either came over, or never happened."""
    if _is_there(target.repository(guid)):
        delete_folder(source.leaving(guid), go_on)
    else:
        rename(source.leaving(guid), source.repository(guid))
        delete_folder(target.arriving(guid), go_on)


def _fence(guid: str, source: StorageRoot) -> None:
    """Take the archive's own name away, so that nothing is written to it any more."""
    if _is_there(source.leaving(guid)):
        return
    if not _is_there(source.repository(guid)):
        raise FolderMissing(source.repository(guid))
    make_folder(source.path / LEAVING)
    rename(source.repository(guid), source.leaving(guid))


def _bring(guid: str, source: StorageRoot, target: StorageRoot, go_on: Callable[[], None]) -> None:
    need(target)
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


def delete_folder(folder: Path, go_on: Callable[[], None] = _always) -> bool:
    """Delete a folder, or what else has its name, if it is there; return whether it was.

    ``go_on`` is called after each file, and may raise to interrupt.
    """
    if not os.path.lexists(folder):
        return False
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
    else:
        _empty(folder, go_on)
        folder.rmdir()
    sync_folder(folder.parent)
    return True


def _empty(folder: Path, go_on: Callable[[], None]) -> None:
    """Delete everything in a folder; links are deleted, and not followed."""
    for path, folders, files, descriptor in os.fwalk(folder, topdown=False, follow_symlinks=False):
        try:
            for name in files:
                os.unlink(name, dir_fd=descriptor)
                go_on()
            for name in folders:
                try:
                    os.rmdir(name, dir_fd=descriptor)
                except NotADirectoryError:
                    os.unlink(name, dir_fd=descriptor)
        except OSError as error:
            error.filename = str(Path(path, error.filename or ""))
            raise
