"""Lists the snapshots of an archive, the folders in one, and finds files by their names; counts what was chosen."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from typing import IO, Any

from django.utils.translation import gettext

from orgs.backups.restores.readable_archives import ReadableArchive
from orgs.backups.restores.restic_output import ReadingFailed, output_of
from orgs.backups.restores.snapshot_paths import is_path

# Seconds for one page.
LISTED_WITHIN, SEARCHED_WITHIN, COUNTED_WITHIN = 20.0, 30.0, 60.0
# How many files one restore may have: each is looked at before it begins.
MOST_FILES = 200_000
# The longest line of a listing: a path may have 4,096 bytes, each of which may be written as six characters.
_LONGEST_LINE = 256 * 1024
# Bytes of the list of snapshots. Whoever has the password of an archive writes what they like into it.
_LONGEST_LIST = 16 * 1024**2
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One backup in an archive: its id, when it was made, and the folders that were backed up."""

    id: str
    at: datetime
    paths: tuple[str, ...]

    @property
    def short_id(self) -> str:
        """The beginning of the id, which restic shows."""
        return self.id[:8]


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder in a snapshot; ``kind`` is restic's: dir, file, symlink and others."""

    path: str
    name: str
    kind: str
    size_bytes: int
    changed_at: datetime | None

    @property
    def is_folder(self) -> bool:
        """Whether it can be opened."""
        return self.kind == "dir"

    @property
    def can_be_chosen(self) -> bool:
        """Whether it can be opened or restored by itself.

        Links come back with their folder only, and so does what has a name that is no UTF-8 or no name of a file.
        """
        return self.kind in {"dir", "file"} and is_path(self.path)


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A part of what is in a folder, or of what a search found, and whether there is more behind it."""

    items: tuple[Found, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """How many files were chosen, and their bytes; ``folders`` are those of the chosen paths that are folders."""

    file_count: int
    size_bytes: int
    folders: frozenset[str]
    missing: tuple[str, ...]


class MoreThanAllowed(Exception):
    """More was chosen than may be restored at a time; counting ended there."""


def snapshots(archive: ReadableArchive) -> list[Snapshot]:
    """Return the snapshots of an archive, the newest first.

    Raises:
        ReadingFailed: when restic can't read it.
    """
    with output_of(archive, "snapshots", "--json", within=LISTED_WITHIN) as output:
        text = output.read(_LONGEST_LIST + 1)
        if len(text) > _LONGEST_LIST:
            raise ReadingFailed(gettext("its list of snapshots is too long"))
    rows = _json(text)
    found = [Snapshot(row["id"], _time(row["time"]) or _UNKNOWN, tuple(row.get("paths") or ())) for row in rows or ()]
    return sorted(found, key=lambda snapshot: snapshot.at, reverse=True)


def folder(archive: ReadableArchive, snapshot: str, path: str, *, begin: int, size: int) -> FoundPage:
    """Return ``size`` of the files and folders that are directly in a folder, behind the first ``begin``, by name.

    Raises:
        ReadingFailed: when restic can't read it, or not in time.
    """
    with _nodes(archive, snapshot, [path], deep=False, within=LISTED_WITHIN) as nodes:
        inside = (node for node in nodes if node.path != path)
        return _page(inside, begin, size)


def search(archive: ReadableArchive, snapshot: str, path: str, words: str, *, most: int) -> FoundPage:
    """Return the files and folders below a folder whose names hold these words, in any letter case; ``*`` and ``?`` count.

    Raises:
        ReadingFailed: when restic can't read it, or not in time.
    """
    wanted = words.strip().lower()
    pattern = wanted if re.search(r"[*?]", wanted) else f"*{wanted}*"
    # Brackets are no pattern here.
    matches = re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match
    with _nodes(archive, snapshot, [path], deep=True, within=SEARCHED_WITHIN, holding=_literal(wanted)) as nodes:
        return _page((node for node in nodes if matches(node.name.lower())), 0, most)


def measure(
    archive: ReadableArchive,
    snapshot: str,
    paths: Sequence[str],
    *,
    most_bytes: int | None,
    most_files: int = MOST_FILES,
) -> Measured:
    """Count the files below these paths, and their bytes.

    Raises:
        MoreThanAllowed: when they are more than that.
        ReadingFailed: when restic can't read it, or not in time.
    """
    count, size, folders = 0, 0, set()
    chosen, missing = frozenset(paths), set(paths) - {"/"}
    with _nodes(archive, snapshot, paths, deep=True, within=COUNTED_WITHIN) as nodes:
        for node in nodes:
            missing.discard(node.path)
            if node.is_folder and node.path in chosen:
                folders.add(node.path)
            if node.kind == "file":
                count, size = count + 1, size + node.size_bytes
            if count > most_files or (most_bytes is not None and size > most_bytes):
                raise MoreThanAllowed
    if "/" in paths:
        folders.add("/")
    return Measured(count, size, frozenset(folders), tuple(sorted(missing)))


def _page(nodes: Iterator[Found], begin: int, size: int) -> FoundPage:
    for _ in range(begin):
        next(nodes, None)
    found: list[Found] = []
    for node in nodes:
        if len(found) == size:
            return FoundPage(tuple(found), more=True)
        found.append(node)
    return FoundPage(tuple(found), more=False)


@contextmanager
def _nodes(
    archive: ReadableArchive, snapshot: str, paths: Sequence[str], *, deep: bool, within: float, holding: bytes = b""
) -> Iterator[Iterator[Found]]:
    """Yield the files and folders at and below these paths; ``holding`` has to be in a line, in small letters."""
    # All from the root on: restic takes no path for that.
    given = () if "/" in paths and deep else paths
    arguments = ("ls", "--json", *(("--recursive",) if deep else ()), "--", snapshot, *given)
    with output_of(archive, *arguments, within=within) as output:
        yield _read(output, holding)


def _read(output: IO[bytes], holding: bytes) -> Iterator[Found]:
    while (line := output.readline(_LONGEST_LINE)).endswith(b"\n") or len(line) == _LONGEST_LINE:
        # Half a line is the last one of a restic that was ended: who reads hears why.
        # To look before reading JSON makes a search through many files several times as quick.
        if holding and holding not in line.lower():
            continue
        row = _json(line)
        if isinstance(row, dict) and row.get("struct_type") == "node":
            yield Found(
                path=str(row.get("path", "")),
                name=str(row.get("name", "")),
                kind=str(row.get("type", "")),
                size_bytes=int(row.get("size") or 0),
                changed_at=_time(row.get("mtime")),
            )


def _literal(wanted: str) -> bytes:
    """Return the longest part of a pattern that stands in a line of JSON as it is; empty if there is none."""
    # Letters outside of ASCII have other forms in another letter case, and JSON writes some signs otherwise.
    parts = re.findall(r"[a-z0-9 ._()-]+", wanted)
    return max(parts, key=len, default="").encode()


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ReadingFailed("restic: " + text[:200].decode("utf-8", "backslashreplace")) from error


def _time(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(_NANOSECONDS.sub(r"\1", str(text)))
    except ValueError:
        return None
    # The first and the last one can't be shown in each time zone.
    return found if 1 < found.year < MAXYEAR else None
