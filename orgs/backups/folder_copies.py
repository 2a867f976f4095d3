"""Copies the folder of an archive to another file system, and compares each file with its name on the way."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from orgs.backups import folder_sizes
from orgs.backups.durable_files import make_folder, sync_folder
from orgs.backups.folders import CONFIG, DATA, DATA_FOLDER, FILE_MODE, FILE_NAME, KINDS, RESTIC_LEFTOVER, UPLOADS
from orgs.backups.free_space import free_bytes
from orgs.backups.move_errors import FileDamaged, NoRoom, UnexpectedFile

_BLOCK = 1 << 20
_PART = ".part"


def copy(source: Path, target: Path, *, go_on: Callable[[], None]) -> None:
    """Make ``target`` the same repository as ``source``, on the disk; go on where an earlier copy was stopped.

    Each file but ``config`` is compared with its name. ``go_on`` is called after each file that was
    copied, and may raise to interrupt.

    Raises:
        FileDamaged: at a file whose content is not what its name says.
        UnexpectedFile: at a link, and whatever else belongs to no repository.
        NoRoom: when the disk has no room for what is not copied yet.
    """
    _need_room(source, target)
    _copy_folder(source, target, (), go_on)


def _need_room(source: Path, target: Path) -> None:
    """Stop before the first byte: a copy that ends half way has filled the disk for everybody else."""
    wanted = folder_sizes.count(source).size_bytes
    if target.is_dir():
        wanted -= folder_sizes.count(target).size_bytes
    free = free_bytes(target.parent)
    if wanted > max(free, 0):
        raise NoRoom(target.parent, wanted_bytes=wanted, free_bytes=free)


def _copy_folder(source: Path, target: Path, inside: tuple[str, ...], go_on: Callable[[], None]) -> None:
    make_folder(target)
    names = set[str]()
    for entry in _entries(source):
        if _is_leftover(entry.name, inside):
            continue
        _check(entry, inside)
        names.add(entry.name)
        if entry.is_dir(follow_symlinks=False):
            _copy_folder(source / entry.name, target / entry.name, (*inside, entry.name), go_on)
        elif entry.name == CONFIG:
            _copy_file(source / entry.name, target / entry.name)
        elif not _is_copied(entry, target / entry.name):
            _copy_file(source / entry.name, target / entry.name)
            # Only here: whoever interrupts has one more file each time, so that a copy in short turns comes to its end.
            go_on()
    # Left by a copy that was given up: the source may have lost these files since, on purpose.
    for entry in _entries(target):
        if entry.name not in names:
            _remove(entry)
    sync_folder(target)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        yield from sorted(found, key=lambda entry: entry.name)


def _is_leftover(name: str, inside: tuple[str, ...]) -> bool:
    """Return whether an upload, or a restic that was killed, has left this: it is no part of the archive."""
    return (name == UPLOADS and not inside) or RESTIC_LEFTOVER.fullmatch(name) is not None


def _check(entry: os.DirEntry[str], inside: tuple[str, ...]) -> None:
    if entry.is_dir(follow_symlinks=False):
        fits = (not inside and entry.name in KINDS) or (inside == (DATA,) and bool(DATA_FOLDER.fullmatch(entry.name)))
    elif entry.is_file(follow_symlinks=False):
        fits = bool(FILE_NAME.fullmatch(entry.name)) if inside else entry.name == CONFIG
    else:
        fits = False
    if not fits:
        raise UnexpectedFile(Path(entry.path))


def _is_copied(entry: os.DirEntry[str], target: Path) -> bool:
    """Return whether a file is there: it has its name only once its content is on the disk."""
    try:
        there = target.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(there.st_mode) and there.st_size == entry.stat(follow_symlinks=False).st_size


def _copy_file(source: Path, target: Path) -> None:
    part = target.with_name(target.name + _PART)
    try:
        digest = _write_part(source, part)
        if target.name not in {CONFIG, digest}:
            raise FileDamaged(source)
        part.rename(target)
    except OSError as error:
        # Errors in writing name no file.
        error.filename = error.filename or str(part)
        raise
    finally:
        part.unlink(missing_ok=True)


def _write_part(source: Path, part: Path) -> str:
    """Copy a file, wait until it is on the disk, and return its SHA-256."""
    digest = sha256()
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(reading, "rb", buffering=0) as reader:
        part.unlink(missing_ok=True)
        writing = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(writing, "wb", buffering=0) as writer:
            while block := reader.read(_BLOCK):
                digest.update(block)
                rest = memoryview(block)
                while rest:
                    rest = rest[writer.write(rest) :]
            # The time of a snapshot's file is when it came.
            found = os.fstat(reading)
            os.utime(writing, ns=(found.st_atime_ns, found.st_mtime_ns))
            os.fsync(writing)
    return digest.hexdigest()


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path)
    else:
        Path(entry.path).unlink()
