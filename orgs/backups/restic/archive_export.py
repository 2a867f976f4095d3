"""Packs snapshots of an archive as tar files, with lists of the SHA-256 of each file in them and of each tar file."""

from __future__ import annotations

import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from orgs.backups.free_space import free_bytes
from orgs.backups.restic import local_restic

# The list of the parts themselves; ``sha256sum -c`` checks all of them.
SUMS = "SHA256SUMS"
_BLOCK = 1 << 20
# Bytes of a list of snapshots. Whoever has the password of an archive writes what they like into it.
_LONGEST_LIST = 64 * 1024**2
_NANOSECONDS = re.compile(r"(\.\d{6})\d+")
# In names of ``sha256sum``'s lists; a line with one of them begins with a backslash.
_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}


class ExportFailed(Exception):
    """An archive that can't be packed, with the reason."""


@dataclass(frozen=True, slots=True)
class ExportPart:
    """One file of an export."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Packed:
    """The parts of an export, and how many files of the computer are in them."""

    parts: tuple[ExportPart, ...]
    file_count: int


def pack(
    repository: Path,
    password: str,
    target: Path,
    *,
    every_snapshot: bool,
    facts: dict[str, str],
    go_on: Callable[[], None],
    keep_open: Collection[int] = (),
) -> Packed:
    """Pack the newest snapshot, or all of them, into the empty folder ``target``.

    Each snapshot is ``NAME.tar``, with the list ``NAME.sha256`` of the files in it. ``export.json`` has the ``facts`` and the
    snapshots, and ``SHA256SUMS`` the digests of all these files. ``go_on`` is called often, and may raise to stop.

    Raises:
        ExportFailed: when restic fails, there is no snapshot, or the disk has no room.
        ResticMissing: when restic is not installed.
    """

    def watch() -> None:
        go_on()
        if free_bytes(target) <= 0:
            raise ExportFailed(f"no space is left in {target}: make room, and request the export anew")

    snapshots = _snapshots(repository, password, watch, keep_open)
    if not snapshots:
        raise ExportFailed("the archive has no snapshot yet")
    chosen = snapshots if every_snapshot else snapshots[-1:]
    parts, file_count = [], 0
    for snapshot in chosen:
        name = f"{snapshot['time'][:19].replace(':', '').replace('T', '-')}-{snapshot['id'][:8]}"
        tar = target / f"{name}.tar"
        if tar.exists():
            # Two ids that begin alike, which can be made on purpose.
            name = f"{name}-{snapshot['id']}"
            tar = target / f"{name}.tar"
        with tar.open("xb") as output:
            arguments = ("dump", "--no-lock", "--archive", "tar", snapshot["id"], "/")
            done = local_restic.run(repository, password, *arguments, go_on=watch, output=output, keep_open=keep_open)
        if not done.went_well:
            raise ExportFailed(f"restic failed at the snapshot {snapshot['id'][:8]}: {done.words}")
        sums = target / f"{name}.sha256"
        file_count += _write_sums(tar, sums, watch)
        parts += [_part(tar, watch), _part(sums, watch)]
    about = target / "export.json"
    kept = [{key: each.get(key) for key in ("id", "time", "hostname", "paths")} for each in chosen]
    about.write_text(json.dumps({**facts, "snapshots": kept}, indent=2, ensure_ascii=True) + "\n", "ascii")
    parts.append(_part(about, watch))
    lines = "".join(f"{part.sha256}  {part.name}\n" for part in parts)
    (target / SUMS).write_text(lines, "ascii")
    return Packed((*parts, _part(target / SUMS, watch)), file_count)


def _snapshots(
    repository: Path, password: str, go_on: Callable[[], None], keep_open: Collection[int]
) -> list[dict[str, Any]]:
    with tempfile.TemporaryFile() as output:
        arguments = ("snapshots", "--json", "--no-lock")
        done = local_restic.run(repository, password, *arguments, go_on=go_on, output=output, keep_open=keep_open)
        if not done.went_well:
            raise ExportFailed(f"restic can't read the snapshots: {done.words}")
        if output.seek(0, os.SEEK_END) > _LONGEST_LIST:
            raise ExportFailed("the list of snapshots is too long to be read")
        output.seek(0)
        found: list[dict[str, Any]] = json.load(output) or []
    return sorted(found, key=_moment)


def _moment(snapshot: dict[str, Any]) -> datetime:
    """Return when a snapshot was made: each computer writes its own local time, with the zone."""
    return datetime.fromisoformat(_NANOSECONDS.sub(r"\1", str(snapshot["time"])))


def _write_sums(tar: Path, sums: Path, go_on: Callable[[], None]) -> int:
    """Write the digest of each file in a tar file, as ``sha256sum`` would; return how many there are."""
    count = 0
    # Names of files need not be UTF-8: their bytes are written as they are.
    with (
        tarfile.open(tar, "r:", errors="surrogateescape") as packed,
        sums.open("x", encoding="utf-8", errors="surrogateescape", newline="\n") as lines,
    ):
        for member in packed:
            content = packed.extractfile(member) if member.isreg() else None
            if content is None:
                continue
            # Relative, as tar unpacks it.
            lines.write(_line(_digest(content, go_on), member.name.lstrip("/")))
            count += 1
            # Else tarfile keeps all members in memory.
            packed.members.clear()  # type: ignore[attr-defined]  # it is there, and documented nowhere
    return count


def _line(digest: str, name: str) -> str:
    escaped = "".join(_ESCAPED.get(letter, letter) for letter in name)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"


def _part(path: Path, go_on: Callable[[], None]) -> ExportPart:
    with path.open("rb") as content:
        return ExportPart(path.name, path.stat().st_size, _digest(content, go_on))


def _digest(content: IO[bytes], go_on: Callable[[], None]) -> str:
    digest = sha256()
    while block := content.read(_BLOCK):
        digest.update(block)
        go_on()
    return digest.hexdigest()
