"""Keeps copies of the snapshots of an archive while some are being forgotten, so that they can be put back.

A snapshot is a small file that names what a backup consists of; until a prune, its files stay where they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

from orgs.backups.durable_files import make_folder, rename
from orgs.backups.folders import GUID, UPLOADS

_SNAPSHOTS = "snapshots"


def count(repository: Path) -> int:
    """Return how many snapshots an archive has."""
    return sum(1 for _each in (repository / _SNAPSHOTS).iterdir())


def put_aside(repository: Path) -> None:
    """Copy all snapshots to where no device reaches them."""
    aside = _aside(repository)
    if not aside.parent.is_dir():
        make_folder(aside.parent)
    make_folder(aside)
    for path in (repository / _SNAPSHOTS).iterdir():
        # With its time, which is when it came.
        shutil.copy2(path, aside / path.name, follow_symlinks=False)


def put_back(repository: Path, *, only: Collection[str] | None = None) -> int:
    """Put back the snapshots that are missing, and end the copies; return how many were missing. Safe to do twice.

    With ``only``, those of these names: the others stay forgotten.
    """
    aside, missing = _aside(repository), 0
    if not aside.is_dir():
        return 0
    for path in sorted(aside.iterdir()):
        if only is not None and path.name not in only:
            continue
        target = repository / _SNAPSHOTS / path.name
        # A copy that a killed process has not finished belongs to a snapshot that is still there.
        if not target.exists() and sha256(path.read_bytes()).hexdigest() == path.name:
            rename(path, target)
            missing += 1
    drop(repository)
    return missing


def interrupted(root: Path) -> list[Path]:
    """Return the archives in a storage root that have copies of snapshots: they are maintained now, or were until a kill."""
    repositories = [path.parent.parent for path in sorted(root.glob(f"*/{UPLOADS}/{_SNAPSHOTS}"))]
    return [path for path in repositories if GUID.fullmatch(path.name)]


def drop(repository: Path) -> None:
    """Remove the copies: what is forgotten by now stays forgotten."""
    shutil.rmtree(_aside(repository))


def _aside(repository: Path) -> Path:
    return repository / UPLOADS / _SNAPSHOTS
