"""Checks the ids of snapshots and the paths in them that a browser sends, and shortens a choice of paths. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

SNAPSHOT = re.compile(r"[0-9a-f]{64}")
# How many files and folders may be chosen at a time, and the length of the path of one.
MOST_CHOSEN, LONGEST_PATH = 200, 4096
# The length of all paths of a choice as JSON. They are arguments of restic, and a computer reads an answer with five such lists:
# one that is too long for it stops its backups, too.
LONGEST_CHOICE = 100_000
# What restic writes in place of bytes that are no UTF-8: such a name can't be sent back.
UNREADABLE = "\ufffd"


class BadPath(ValueError):
    """Not the path of something in a snapshot."""


def checked_path(path: str) -> str:
    """Return the path, if it can be one in a snapshot: from the root on, without ``.``, ``..`` and empty parts.

    Raises:
        BadPath: when it can't.
    """
    if path == "/":
        return path
    parts = path.split("/")
    if len(path) > LONGEST_PATH or not path.startswith("/") or {"", ".", ".."}.intersection(parts[1:]):
        raise BadPath(path)
    if "\0" in path or UNREADABLE in path or not _encodable(path):
        raise BadPath(path)
    return path


def is_path(path: str) -> bool:
    """Return whether this can be the path of something in a snapshot."""
    try:
        checked_path(path)
    except BadPath:
        return False
    return True


def chosen_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Return these paths in order, without those that are in another one of them.

    Raises:
        BadPath: when one is no path of a snapshot, when they are too many, or too long together.
    """
    found: list[str] = []
    for path in sorted({checked_path(path) for path in paths}, key=lambda path: path.split("/")):
        if not found or not is_within(path, found[-1]):
            found.append(path)
    if len(found) > MOST_CHOSEN:
        raise BadPath(f"{len(found)} paths")
    if len(json.dumps(found)) > LONGEST_CHOICE:
        raise BadPath("paths that are too long together")
    return tuple(found)


def is_within(path: str, folder: str) -> bool:
    """Return whether a path is a folder, or in it."""
    return folder in {"/", path} or path.startswith(f"{folder}/")


def parent_of(path: str) -> str:
    """Return the folder in which a path is."""
    return path.rpartition("/")[0] or "/"


def _encodable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
