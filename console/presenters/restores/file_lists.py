"""Presents a folder in a snapshot: the way to it, what is in it with addresses and boxes, and the pages beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from django.utils.translation import gettext

from orgs.backups.restores.snapshot_paths import is_path, parent_of
from orgs.backups.restores.snapshots import Found, FoundPage

_ICONS = {"dir": "folder", "file": "file", "symlink": "link-2"}


@dataclass(frozen=True, slots=True)
class ShownFolder:
    """Which part of a snapshot a page shows: a folder from its ``begin`` on, or what ``words`` find below it."""

    snapshot: str
    path: str
    words: str = ""
    begin: int = 0

    @property
    def short_id(self) -> str:
        """The beginning of the snapshot's id."""
        return self.snapshot[:8]

    @property
    def sent_path(self) -> str:
        """The path as forms send it."""
        return quote(self.path, safe="")

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """The folders above this one, and itself, each with its query."""
        parts = [part for part in self.path.split("/") if part]
        paths = ["/", *("/" + "/".join(parts[: end + 1]) for end in range(len(parts)))]
        return [(_shown(path.rpartition("/")[2]) or gettext("All files"), self.query(path=path)) for path in paths]

    def query(self, *, path: str, begin: int = 0) -> str:
        """Return the query of another part of the snapshot."""
        given = {"snapshot": self.snapshot, "path": path} | ({"begin": str(begin)} if begin else {})
        return urlencode(given)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One line: the name as it can be shown, its icon, the query of a folder, and the value of its box."""

    name: str
    icon: str
    is_folder: bool
    query: str
    sent_path: str
    size_bytes: int
    changed_at: datetime | None
    folder: str
    folder_query: str
    note: str


@dataclass(frozen=True, slots=True)
class FileList:
    """The lines of a page, and the queries of the pages before and behind it; empty where there is none."""

    lines: list[ListedFile]
    earlier: str
    later: str
    more_found: bool


def listed(folder: ShownFolder, found: FoundPage, *, size: int) -> FileList:
    """Return what a page of a folder, or of a search, shows."""
    lines = [_line(folder, each) for each in found.items]
    if folder.words:
        return FileList(lines, "", "", found.more)
    earlier = folder.query(path=folder.path, begin=max(0, folder.begin - size)) if folder.begin else ""
    later = folder.query(path=folder.path, begin=folder.begin + size) if found.more else ""
    return FileList(lines, earlier, later, more_found=False)


def _line(folder: ShownFolder, found: Found) -> ListedFile:
    above = parent_of(found.path)
    may_open = found.can_be_chosen
    return ListedFile(
        name=_shown(found.name),
        icon=_ICONS.get(found.kind, "circle-x"),
        is_folder=found.is_folder,
        query=folder.query(path=found.path) if may_open and found.is_folder else "",
        sent_path=quote(found.path, safe="") if may_open else "",
        size_bytes=found.size_bytes,
        changed_at=found.changed_at,
        folder=_shown(above) if folder.words else "",
        folder_query=folder.query(path=above) if folder.words and is_path(above) else "",
        note="" if may_open else _why_not_alone(found),
    )


def _why_not_alone(found: Found) -> str:
    """Return why a line has no box, and how the thing comes back."""
    if found.kind in {"dir", "file"}:
        return gettext("its name can't be sent by a browser: it comes back with its folder")
    return gettext("no file: it comes back with its folder, to the computer only")


def _shown(name: str) -> str:
    """Return a name in which what can't be seen, or turns the direction of writing, is a sign that can be seen."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in name)
