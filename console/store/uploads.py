"""Receives a file: into a temporary file, compared with its name, on the disk, and only then under its name."""

from __future__ import annotations

import filecmp
import os
import secrets
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from gunicorn.http.errors import ParseException

from console.store.addresses import RequestedFile
from console.store.answers import INITIALIZED, NO_SPACE, NOT_THERE, TOO_SLOW, Answer, Unacceptable
from console.store.timed_socket import ClientTooSlow
from orgs.backups import folders
from orgs.backups.durable_files import make_folder, sync_folder
from orgs.backups.free_space import free_bytes

# Packs of restic have 16 MiB; other settings of it make packs of up to 128.
LARGEST = 512 * 1024**2
BLOCK = 256 * 1024
# So many bytes are received between two looks at the free space.
_LOOK_EVERY = 16 * 1024**2
# A lock is needed to restore, too, so it may come out of the reserve of a disk that is full; it has some hundred bytes.
_SMALL_LOCK = 4096
_LOCKS = "locks"

TOO_LARGE = Answer(413, "A file of a repository has at most 512 MiB.")
BROKEN_OFF = Answer(400, "The upload broke off.")
OTHER_CONTENT = Answer(400, "The content does not have the name that it was sent with.")


class Body(Protocol):
    """The body of a request."""

    def read(self, size: int, /) -> bytes: ...


def store(
    body: Body, length: int | None, *, repository: Path, file: RequestedFile, refused: Callable[[], Answer | None]
) -> Answer:
    """Store a body of ``length`` bytes (None: chunked) as a file of a repository; ``refused`` asks the gate once more.

    Raises:
        OSError: when the disk is full or broken; nothing is left of the upload.
    """
    if length is not None and length > LARGEST:
        return TOO_LARGE
    is_small_lock = file.kind == _LOCKS and length is not None and length <= _SMALL_LOCK
    temporary = folders.uploads(repository) / secrets.token_hex(16)
    try:
        make_folder(folders.uploads(repository))
        if not is_small_lock:
            _need_room(repository, length or 0)
        digest = _receive(body, length, temporary)
        if not file.is_config and digest != file.name:
            return OTHER_CONTENT
        return refused() or _commit(temporary, repository, file)
    except Unacceptable as problem:
        return problem.answer
    except FileNotFoundError:
        # Its folder was never made, or was renamed: that is how a move of the archive ends every upload.
        return refused() or NOT_THERE
    finally:
        temporary.unlink(missing_ok=True)


def _need_room(repository: Path, length: int) -> None:
    if length > free_bytes(repository):
        raise Unacceptable(NO_SPACE)


def _receive(body: Body, length: int | None, temporary: Path) -> str:
    """Write a body into a new file, wait until it is on the disk, and return its SHA-256.

    Raises:
        Unacceptable: when the body is too large, or not what was announced.
    """
    digest, received, next_look = sha256(), 0, _LOOK_EVERY
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, folders.FILE_MODE
    )
    with os.fdopen(descriptor, "wb", buffering=0) as writer:
        while block := _read(body):
            received += len(block)
            if received > LARGEST:
                raise Unacceptable(TOO_LARGE)
            if received > next_look:
                # Other uploads take their part at the same time, and chunks announce no length.
                _need_room(temporary.parent, (length or received) - received)
                next_look += _LOOK_EVERY
            digest.update(block)
            rest = memoryview(block)
            while rest:
                rest = rest[writer.write(rest) :]
        if length is not None and received != length:
            raise Unacceptable(BROKEN_OFF)
        os.fsync(descriptor)
    return digest.hexdigest()


def _read(body: Body) -> bytes:
    try:
        return body.read(BLOCK)
    except ClientTooSlow as error:
        raise Unacceptable(TOO_SLOW) from error
    except (OSError, ParseException) as error:
        # A client that went away, or chunks that are none: nothing is wrong with the disk.
        raise Unacceptable(BROKEN_OFF) from error


def _commit(temporary: Path, repository: Path, file: RequestedFile) -> Answer:
    """Give the file its name. The same name means the same content, so a file that is there already is no error.

    A client whose connection broke after the commit sends a file again, and can't delete it first.
    """
    if file.is_config:
        config = repository / folders.CONFIG
        try:
            os.link(temporary, config)
        except FileExistsError:
            if not filecmp.cmp(config, temporary, shallow=False):
                return INITIALIZED
            # Its client has not received the answer, and sent it again.
        sync_folder(repository)
        return Answer(200)
    folder = folders.file_folder(repository, file.kind, file.name)
    make_folder(folder)
    temporary.rename(folders.file_path(repository, file.kind, file.name))
    sync_folder(folder)
    return Answer(200)
