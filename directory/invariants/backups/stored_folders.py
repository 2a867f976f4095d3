"""I17: each repository has its folder, and no folder is without one; sizes are those of the last count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from orgs.backups import folder_sizes, rubbish
from orgs.backups.folders import ARRIVING, GONE, GUID, LEAVING, StorageRoot
from orgs.backups.storage_roots import StorageRoots, missing_archives, storage_roots
from orgs.models import Repository, RepositoryLocation
from orgs.text import counted

# Rubbish goes after a day.
_NOTICED = 2 * rubbish.OLD


def folders_have_rows(at: datetime) -> Iterator[str]:
    """Each repository has its folder where its row says, and each folder has such a row.

    A device that has not backed up yet has no folder. In a root whose disk is away, nothing is compared.
    """
    roots = storage_roots()
    away = [root for root in roots.both if not root.is_there()]
    for root in away:
        if count := missing_archives(roots, root):
            archives = counted(count, "archive has", "archives have")
            yield f"{root.path}: {archives} to be in this storage folder, which is not there or has no mark"
    known = dict[str, Repository]()
    for repository in Repository.objects.select_related("archive__device").order_by("pk").iterator():
        guid = repository.archive.device.guid
        known[guid] = repository
        if not away and _folder(roots, repository) is None and (repository.archive.size_bytes or roots.folder(guid)):
            yield f"repository {repository.pk} is '{repository.location}', but its folder {guid} is not there"
    for root, location in zip(roots.both, (RepositoryLocation.LIVE, RepositoryLocation.COLD), strict=True):
        if root not in away:
            yield from _strangers(root, location, known, at)


def _strangers(
    root: StorageRoot, location: RepositoryLocation, known: Mapping[str, Repository], at: datetime
) -> Iterator[str]:
    """Yield the folders of a root that do not fit the rows."""
    for above, here in ((root.path, {location}), (root.path / LEAVING, set[str]())):
        for name in sorted(_names(above)):
            if name not in known:
                yield f"{above / name}: no archive has this folder"
            elif known[name].location not in {*here, RepositoryLocation.MOVING}:
                yield f"{above / name}: repository {known[name].pk} is '{known[name].location}'"
    for above in (root.path / ARRIVING, root.path / GONE):
        for name in sorted(_names(above)):
            at_rest = name in known and known[name].location != RepositoryLocation.MOVING
            if at_rest and above.name == GONE and any((above / name).iterdir()):
                yield f"{above / name}: repository {known[name].pk} is '{known[name].location}'"
            elif (at_rest or name not in known) and rubbish.changed_at(above / name) < (at - _NOTICED).timestamp():
                yield f"{above / name}: what was copied or deleted is still there"


def sizes_are_counted(_at: datetime) -> Iterator[str]:
    """The size of an archive is that of its folder, unless something was stored in it since the last count."""
    roots = storage_roots()
    after_a_count = Repository.objects.filter(counted_at__isnull=False).exclude(location=RepositoryLocation.MOVING)
    for repository in after_a_count.select_related("archive__device").order_by("pk").iterator():
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
        # While it is purged, it has no name of an archive any more.
        deleted = (root.gone(guid) for root in roots.both)
        return roots.folder(guid) or next((folder for folder in deleted if folder.is_dir()), None)
    root = roots.live if repository.location == RepositoryLocation.LIVE else roots.cold
    return root.repository(guid) if root.repository(guid).is_dir() else None


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if GUID.fullmatch(path.name)}
    except FileNotFoundError:
        return set()
