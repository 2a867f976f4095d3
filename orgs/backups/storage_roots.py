"""Finds the storage roots of this installation, and the folder in which an archive stands now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from orgs.backups.folders import FOLDER_MODE, StorageRoot


@dataclass(frozen=True, slots=True)
class StorageRoots:
    """The root of live archives, and that of cold storage."""

    live: StorageRoot
    cold: StorageRoot

    @property
    def both(self) -> tuple[StorageRoot, StorageRoot]:
        """The roots, that of live archives first."""
        return (self.live, self.cold)

    def folder(self, guid: str) -> Path | None:
        """Return the folder with all files of an archive: under its own name, else on its way; None if there is none."""
        named = [root.repository(guid) for root in self.both]
        on_its_way = [root.leaving(guid) for root in self.both]
        return next((folder for folder in (*named, *on_its_way) if folder.is_dir()), None)


def storage_roots() -> StorageRoots:
    """Return the roots that the settings name."""
    return StorageRoots(StorageRoot(Path(settings.ARCHIVES)), StorageRoot(Path(settings.COLD_STORAGE)))


def make_default_roots() -> None:
    """Make the roots that are in Rollcall's own data folder, where they are missing.

    A root elsewhere has to be there: it may be on a disk that is not mounted now.
    """
    for root in storage_roots().both:
        if root.path.is_relative_to(Path(settings.VAR)):
            root.path.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
