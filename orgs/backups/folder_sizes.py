"""Counts the size of an archive from what stands on the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from orgs.backups.folders import CONFIG, KINDS


@dataclass(frozen=True, slots=True)
class FolderSize:
    """The files of a repository, their bytes together, and when a file or a folder of them last changed (seconds)."""

    files: int
    size_bytes: int
    changed_at: float = field(default=0.0, compare=False)


def count(repository: Path) -> FolderSize:
    """Return the size of a repository, without uploads that have not ended; links are not followed.

    It may be written to meanwhile: a file that is deleted while this counts is left out.

    Raises:
        FileNotFoundError: when the folder is not there.
    """
    files, size, changed_at = 0, 0, 0.0
    with os.scandir(repository) as entries:
        top = [entry for entry in entries if entry.name in KINDS or entry.name == CONFIG]
    folders = [entry.path for entry in top if entry.is_dir(follow_symlinks=False)]
    found = [entry for entry in top if entry.is_file(follow_symlinks=False)]
    while folders:
        try:
            with os.scandir(folder := folders.pop()) as entries:
                inside = list(entries)
            changed_at = max(changed_at, os.lstat(folder).st_mtime)
        except FileNotFoundError:
            continue
        folders.extend(entry.path for entry in inside if entry.is_dir(follow_symlinks=False))
        found.extend(entry for entry in inside if entry.is_file(follow_symlinks=False))
    for entry in found:
        try:
            found_file = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        files, size, changed_at = files + 1, size + found_file.st_size, max(changed_at, found_file.st_mtime)
    return FolderSize(files=files, size_bytes=size, changed_at=changed_at)
