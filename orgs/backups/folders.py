"""Names the folders and files in which archives are stored, and makes paths of names that were checked.

An archive is a restic repository in a folder named by the GUID of its device. A storage root holds these folders, and
beside them the folders of moves: what stands under its own name, directly in the root, is whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# Whole strings only: use ``fullmatch``, as ``$`` lets a line end pass.
GUID = re.compile(r"[0-9]{18}")
# The name of each file but ``config`` is the SHA-256 of its content.
FILE_NAME = re.compile(r"[0-9a-f]{64}")
# Files of ``data`` are spread over folders with the first two letters of their names.
DATA_FOLDER = re.compile(r"[0-9a-f]{2}")
# What a restic leaves beside a file that it was writing when it was killed.
RESTIC_LEFTOVER = re.compile(r"(?:config|[0-9a-f]{64})-tmp-[0-9]+")

CONFIG = "config"
DATA = "data"
KINDS = (DATA, "keys", "locks", "snapshots", "index")

# In the folder of an archive: uploads that have not ended.
UPLOADS = ".tmp"
# In a storage root: archives on their way out, or in; those being deleted; locks of whoever works on a folder.
LEAVING, ARRIVING, GONE, LOCKS = ".leaving", ".arriving", ".gone", ".locks"
# In a storage root: its mark. A mount point whose disk is away is a folder, too, but has none.
MARK = ".rollcall-storage"
# Not the names of archives, so that no device reaches them.
ROOT_FOLDERS = (LEAVING, ARRIVING, GONE, LOCKS)

FOLDER_MODE, FILE_MODE = 0o700, 0o600


class BadName(ValueError):
    """A name that is no GUID, kind or file name of a repository; no path is made of it."""


@dataclass(frozen=True, slots=True)
class StorageRoot:
    """A folder that holds archives by the GUIDs of their devices; there is one for live archives, one for cold ones."""

    path: Path

    @property
    def mark(self) -> Path:
        """The file that shows that this is the root, and not a folder on which it would be mounted."""
        return self.path / MARK

    def is_there(self) -> bool:
        """Return whether the root is there, with its mark."""
        return self.mark.is_file()

    def repository(self, guid: str) -> Path:
        """Return the folder of an archive that is here, and whole."""
        return self.path / checked_guid(guid)

    def leaving(self, guid: str) -> Path:
        """Return the folder of an archive that is on its way to another root."""
        return self.path / LEAVING / checked_guid(guid)

    def arriving(self, guid: str) -> Path:
        """Return the folder of an archive that is being copied here."""
        return self.path / ARRIVING / checked_guid(guid)

    def gone(self, guid: str) -> Path:
        """Return the folder of an archive that is being deleted."""
        return self.path / GONE / checked_guid(guid)

    def lock(self, guid: str) -> Path:
        """Return the file that is locked by whoever works on the folders of an archive."""
        return self.path / LOCKS / checked_guid(guid)


def checked_guid(guid: str) -> str:
    """Return the GUID, if it is one.

    Raises:
        BadName: when it is none.
    """
    if GUID.fullmatch(guid) is None:
        raise BadName("this is no GUID of a device: it has 18 digits")
    return guid


def uploads(repository: Path) -> Path:
    """Return the folder of the uploads to a repository that have not ended."""
    return repository / UPLOADS


def file_folder(repository: Path, kind: str, name: str) -> Path:
    """Return the folder in which a file of a repository stands.

    Raises:
        BadName: when there is no such kind, or no file can have this name.
    """
    if kind not in KINDS or FILE_NAME.fullmatch(name) is None:
        raise BadName("a repository has no file of this name")
    return repository / kind / name[:2] if kind == DATA else repository / kind


def file_path(repository: Path, kind: str, name: str) -> Path:
    """Return the path of a file of a repository; that of ``config`` is ``repository / CONFIG``.

    Raises:
        BadName: when there is no such kind, or no file can have this name.
    """
    return file_folder(repository, kind, name) / name
