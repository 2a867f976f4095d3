"""Answers with files of a repository, or parts of them, and with lists of their names."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from console.store.answers import NOT_FOUND, Answer
from orgs.backups import folders

BLOCK = 256 * 1024
# The location of nginx that nobody can ask for, with the folders of live archives below it.
NGINX_LOCATION = "/stored"
V1, V2 = "application/vnd.x.restic.rest.v1", "application/vnd.x.restic.rest.v2"
_RANGE = re.compile(r"bytes=(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{1,18})?|-(?P<suffix>[0-9]{1,18}))")


def file(path: Path, *, requested_range: str, head: bool) -> Answer:
    """Return a file, or a part of it; 416 for a part that is not there, and the whole for a range that is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return NOT_FOUND
    size = os.fstat(descriptor).st_size
    accepts = (("Accept-Ranges", "bytes"),)
    if head:
        os.close(descriptor)
        return Answer(200, headers=accepts, length=size)
    found = _RANGE.fullmatch(requested_range)
    if found is None:
        return Answer(200, headers=accepts, body=Blocks(descriptor, 0, size), length=size)
    first, last = _bounds(found, size)
    if first > last:
        os.close(descriptor)
        return Answer(416, headers=(("Content-Range", f"bytes */{size}"),))
    length = last - first + 1
    headers = (*accepts, ("Content-Range", f"bytes {first}-{last}/{size}"))
    return Answer(206, headers=headers, body=Blocks(descriptor, first, length), length=length)


def by_nginx(path: Path, *, archives: Path) -> Answer:
    """Return the answer with which nginx sends a file, or the part of it that was requested.

    The path is of names that were matched as a whole, so there is nothing in it to be escaped.
    """
    try:
        is_file = stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        is_file = False
    if not is_file:
        return NOT_FOUND
    return Answer(200, headers=(("X-Accel-Redirect", f"{NGINX_LOCATION}/{path.relative_to(archives)}"),))


def _bounds(found: re.Match[str], size: int) -> tuple[int, int]:
    """Return the first and the last byte of a range; the first is beyond the last if the file has none of it."""
    if found["suffix"] is not None:
        suffix = int(found["suffix"])
        return (max(size - suffix, 0), size - 1) if suffix else (size, size - 1)
    last = int(found["last"]) if found["last"] is not None else size - 1
    return int(found["first"]), min(last, size - 1)


class Blocks:
    """The bytes of an open file, in blocks; the server closes it at the end."""

    def __init__(self, descriptor: int, first: int, length: int) -> None:
        self._descriptor, self._at, self._left = descriptor, first, length

    def __iter__(self) -> Iterator[bytes]:
        while self._left and (block := os.pread(self._descriptor, min(BLOCK, self._left), self._at)):
            self._at += len(block)
            self._left -= len(block)
            yield block

    def close(self) -> None:
        os.close(self._descriptor)


def listing(repository: Path, kind: str, *, accept: str) -> Answer:
    """Return the names of all files of a kind: with sizes if the client accepts version 2 of the protocol."""
    found = sorted(_files(repository / kind))
    version = V2 if V2 in accept else V1
    rows: list[object] = [name for name, _ in found]
    if version == V2:
        rows = [{"name": name, "size": size} for name, size in found]
    body = json.dumps(rows).encode("ascii")
    return Answer(200, headers=(("Content-Type", version),), body=[body], length=len(body))


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield names and sizes; files of data are one folder deeper. An uninitialized repository has none."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if folders.FILE_NAME.fullmatch(entry.name):
                try:
                    yield entry.name, entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    # A lock that was deleted meanwhile.
                    continue
            elif folder.name == folders.DATA and folders.DATA_FOLDER.fullmatch(entry.name):
                yield from _files(folder / entry.name)
