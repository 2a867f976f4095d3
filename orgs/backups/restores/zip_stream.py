"""Makes a zip of files in a snapshot while it is sent: nothing is stored on the disk, and restic ends with the download.

Restic's own zip has one folder only, and the names that the computer gave. This one has all that was chosen, under names
that lead nowhere else, and says at its end what is not in it. Files are not compressed: the time belongs to pages.
"""

from __future__ import annotations

import tarfile
import time
import zipfile
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import RawIOBase
from typing import IO, Any

from orgs.backups.restores.readable_archives import ReadableArchive
from orgs.backups.restores.restic_output import ReadingFailed, output_of
from orgs.backups.restores.zip_names import ZipNames

# Bytes of one piece of the download, and of one read.
PIECE, _READ = 256 * 1024, 64 * 1024
# Seconds after which a download ends: the web server ends it then anyway.
LONGEST = 600.0
NOTES = "Not in this zip.txt"
_MOST_NOTES = 1000
# Zip knows no time before 1980, and none after 2107.
_FIRST, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)


@dataclass(frozen=True, slots=True)
class ChosenPaths:
    """What is downloaded: a snapshot, the chosen paths in it, and which of these are folders."""

    snapshot: str
    paths: Sequence[str]
    folders: Collection[str]


def pieces(archive: ReadableArchive, chosen: ChosenPaths) -> Generator[bytes, None, None]:
    """Yield the pieces of a zip of the chosen files. Closing the iterator ends restic.

    Raises:
        ReadingFailed: when restic fails in the middle: then the zip has no end, and nobody takes it for whole.
    """
    output, names, notes = _Output(), ZipNames(), list[str]()
    ends = time.monotonic() + LONGEST
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED, allowZip64=True) as made:
        for path in chosen.paths:
            within = max(1.0, ends - time.monotonic())
            dump = ("dump", "--archive", "tar", "--", chosen.snapshot, path)
            with output_of(archive, *dump, within=within) as dumped:
                put = (
                    _folder(made, dumped, names, notes) if path in chosen.folders else _file(made, dumped, names, path)
                )
                # Closed before the zip is: it may have a file of the zip open.
                with closing(put):
                    for _ in put:
                        if output.size >= PIECE:
                            yield output.taken()
        if notes:
            more = [] if len(notes) < _MOST_NOTES else ["and more"]
            made.writestr(_info(names.name_for(NOTES), time.time()), "\r\n".join([*notes, *more, ""]))
    yield output.taken()


def _folder(made: zipfile.ZipFile, dumped: IO[bytes], names: ZipNames, notes: list[str]) -> Generator[None, None, None]:
    """Put the files of a dumped folder into the zip; yield after each part."""
    try:
        with tarfile.open(fileobj=dumped, mode="r|", encoding="utf-8", errors="surrogateescape") as members:
            while (member := members.next()) is not None:
                # Each one is kept in a list otherwise, of which a snapshot may have hundreds of thousands.
                members.members.clear()  # type: ignore[attr-defined]  # the library's types do not have it
                content = members.extractfile(member) if member.isreg() else None
                if content is None:
                    if not member.isdir() and len(notes) < _MOST_NOTES:
                        notes.append(_readable(member))
                    continue
                with closing(content):
                    yield from _put(made, _info(names.name_for(member.name), member.mtime), content)
    except tarfile.TarError as error:
        raise ReadingFailed(f"restic: {error}") from error


def _readable(member: tarfile.TarInfo) -> str:
    text = f"{member.name} -> {member.linkname}" if member.issym() else member.name
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else "_" for sign in f"/{plain}")


def _file(made: zipfile.ZipFile, dumped: IO[bytes], names: ZipNames, path: str) -> Generator[None, None, None]:
    """Put one dumped file into the zip; restic gives it as it is, without its time."""
    yield from _put(made, _info(names.name_for(path), time.time()), dumped)


def _put(made: zipfile.ZipFile, info: zipfile.ZipInfo, content: IO[bytes]) -> Generator[None, None, None]:
    with made.open(info, "w", force_zip64=True) as target:
        while part := content.read(_READ):
            target.write(part)
            yield
    yield


def _info(name: str, changed_at: float) -> zipfile.ZipInfo:
    try:
        moment = time.localtime(changed_at)[:6]
    except (OverflowError, ValueError, OSError):
        moment = _FIRST
    info = zipfile.ZipInfo(name, min(max(moment, _FIRST), _LAST))
    # A plain file that its owner reads and writes, whatever it was.
    info.external_attr = 0o100600 << 16
    return info


class _Output(RawIOBase):
    """Takes what the zip is made of, until it is taken away; nobody goes back in it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self.size += len(self._parts[-1])
        return len(self._parts[-1])

    def taken(self) -> bytes:
        """Return all that has come since the last time."""
        parts, self._parts, self.size = self._parts, [], 0
        return b"".join(parts)
