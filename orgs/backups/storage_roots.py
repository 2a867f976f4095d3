"""Finds the storage roots of this installation, and the folder in which an archive stands now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from orgs.backups import root_marks
from orgs.backups.folders import StorageRoot
from orgs.models import Repository, RepositoryLocation


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
    """Make and mark the roots that are in Rollcall's own data folder, unless archives are missing there.

    A root elsewhere is marked by a person (``preparestorage``): it may be on a disk that is not mounted now.
    """
    roots = storage_roots()
    for root in roots.both:
        own = root.path.is_relative_to(Path(settings.VAR))
        if own and not root.is_there() and not missing_archives(roots, root):
            root_marks.mark(root)


def missing_archives(roots: StorageRoots, root: StorageRoot) -> int:
    """Return how many archives with a size have to be in a root, if not even one of them is; else 0.

    Then its disk is not mounted, or the database is one from a backup.
    """
    location, other = (
        (RepositoryLocation.LIVE, roots.cold) if root == roots.live else (RepositoryLocation.COLD, roots.live)
    )
    stored = Repository.objects.filter(archive__size_bytes__gt=0).values_list("archive__device__guid", "location")
    wanted = stored.filter(location__in=[location, RepositoryLocation.MOVING]).order_by("pk")
    guids = [guid for guid, where in wanted if where == location or not root_marks.has_any(other, [guid])]
    return 0 if root_marks.has_any(root, guids) else len(guids)
