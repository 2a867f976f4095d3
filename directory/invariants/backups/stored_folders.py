"""I17: each repository has its folder, and no folder is without one; sizes are those of the last count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from orgs.backups import folder_sizes
from orgs.backups.folders import GUID, LEAVING
from orgs.backups.storage_roots import StorageRoots, storage_roots
from orgs.models import Repository, RepositoryLocation


def folders_have_rows(_at: datetime) -> Iterator[str]:
    """Each repository has its folder where its row says, and each folder has such a row.

    Nothing is compared before there is a storage root; a device that has not backed up yet has no folder.
    """
    roots = storage_roots()
    if not any(root.path.is_dir() for root in roots.both):
        return
    stored = Repository.objects.select_related("archive__device").order_by("pk")
    known = dict[str, Repository]()
    for repository in stored.iterator():
        guid = repository.archive.device.guid
        known[guid] = repository
        if _folder(roots, repository) is None and (repository.archive.size_bytes or _is_elsewhere(roots, guid)):
            yield f"repository {repository.pk} is '{repository.location}', but its folder {guid} is not there"
    for root, location in zip(roots.both, (RepositoryLocation.LIVE, RepositoryLocation.COLD), strict=True):
        for name in sorted(_names(root.path) | _names(root.path / LEAVING)):
            if name not in known:
                yield f"{root.path / name}: no archive has this folder"
            elif known[name].location not in {location, RepositoryLocation.MOVING}:
                yield f"{root.path / name}: repository {known[name].pk} is '{known[name].location}'"


def sizes_are_counted(_at: datetime) -> Iterator[str]:
    """The size of an archive is that of its folder, unless something was stored in it since the last count."""
    roots = storage_roots()
    counted = Repository.objects.filter(counted_at__isnull=False).exclude(location=RepositoryLocation.MOVING)
    for repository in counted.select_related("archive__device").order_by("pk").iterator():
        folder = _folder(roots, repository)
        if folder is None:
            continue
        with suppress(FileNotFoundError):
            size = folder_sizes.count(folder)
            changed = repository.counted_at is None or size.changed_at >= repository.counted_at.timestamp()
            if size.size_bytes != repository.archive.size_bytes and not changed:
                stored = repository.archive.size_bytes
                yield f"archive {repository.archive_id}: its size is stored as {stored}, and its folder's is {size.size_bytes}"


def _folder(roots: StorageRoots, repository: Repository) -> Path | None:
    guid = repository.archive.device.guid
    if repository.location == RepositoryLocation.MOVING:
        return roots.folder(guid)
    root = roots.live if repository.location == RepositoryLocation.LIVE else roots.cold
    return root.repository(guid) if root.repository(guid).is_dir() else None


def _is_elsewhere(roots: StorageRoots, guid: str) -> bool:
    return roots.folder(guid) is not None


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if GUID.fullmatch(path.name)}
    except FileNotFoundError:
        return set()
