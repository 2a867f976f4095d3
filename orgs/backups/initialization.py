"""Prepares the folder of a repository for ``restic init``, also after one that broke off."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from orgs.backups.durable_files import sync_folder
from orgs.backups.folders import CONFIG, DATA, FOLDER_MODE

KEYS, FILLED_LATER = "keys", (DATA, "snapshots", "index")
# restic stores its key, and a moment later the config that this key opens. A younger key may still get its config.
INITIALIZING = timedelta(minutes=1)
_DATA_FOLDERS = tuple(f"{number:02x}" for number in range(256))


class Initializing(Exception):
    """Another program initializes this repository, or broke off a moment ago."""


def prepare(repository: Path, *, at: datetime) -> None:
    """Make all folders of data, and remove the keys that an interrupted initialization has left.

    With two keys that one password opens, restic takes the first, which does not open the config of the second. Where
    there is a config, or anything else, all keys stay.

    Raises:
        Initializing: when another initialization is under way.
        FileNotFoundError: when the repository was moved away meanwhile.
    """
    # All at once, and before the first upload: of two uploads that need the same folder, the second one would not know
    # whether the name of the folder is on the disk.
    for name in _DATA_FOLDERS:
        (repository / DATA / name).mkdir(FOLDER_MODE, exist_ok=True)
    sync_folder(repository / DATA)
    keys = list((repository / KEYS).iterdir())
    if not keys or (repository / CONFIG).exists() or _has_files(repository):
        return
    limit = (at - INITIALIZING).timestamp()
    if any(key.lstat().st_mtime > limit for key in keys):
        raise Initializing
    for key in keys:
        key.unlink(missing_ok=True)
    sync_folder(repository / KEYS)


def _has_files(repository: Path) -> bool:
    return any(names for kind in FILLED_LATER for _folder, _folders, names in os.walk(repository / kind))
