"""Counts the sizes of archives from their folders: a sum that is kept while files come and go is wrong after a crash."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import Error, transaction
from django.db.models import F, Q

from orgs.actions import locks
from orgs.backups import folder_sizes, rubbish
from orgs.backups.folder_sizes import FolderSize
from orgs.backups.folders import StorageRoot
from orgs.backups.move_errors import printable
from orgs.backups.storage_roots import storage_roots
from orgs.models import Archive, ArchiveMove, Repository, RepositoryLocation

log = logging.getLogger("rollcall.archives")

# Each archive is counted once a day, and soon after something was stored in it.
COUNTED_EVERY = timedelta(days=1)
# Seconds after which the worker does other tasks first.
TURN = 10.0


def count_due(*, clock: Callable[[], datetime], stay: Callable[[], None], turn: float = TURN) -> int:
    """Count the archives that are due, those that were written to first, for ``turn`` seconds; return how many.

    ``stay`` is called after each, and raises if the worker has to stop.
    """
    ends, counted = time.monotonic() + turn, 0
    at_rest = Repository.objects.filter(location__in=_roots_that_are_there())
    due = at_rest.filter(Q(counted_at=None) | Q(counted_at__lte=clock() - COUNTED_EVERY))
    order = due.order_by(F("counted_at").asc(nulls_first=True), "pk")
    for repository in order.select_related("archive__device"):
        try:
            counted += count(repository, at=clock())
        except (Error, ValueError, OSError) as error:
            # The others are counted all the same.
            guid = repository.archive.device.guid
            log.warning("the archive of device %s can't be counted: %s", guid, printable(error))
        stay()
        if time.monotonic() > ends:
            break
    return counted


def _roots_that_are_there() -> dict[RepositoryLocation, StorageRoot]:
    """Return the storage roots by the location that they are, without one whose disk is not mounted."""
    roots = storage_roots()
    both = {RepositoryLocation.LIVE: roots.live, RepositoryLocation.COLD: roots.cold}
    return {location: root for location, root in both.items() if root.is_there()}


def count(repository: Repository, *, at: datetime) -> bool:
    """Count one archive that is not on its way, and remove old rubbish from its folder; return whether it was counted.

    Raises:
        OSError: when its folder can't be read.
    """
    roots = storage_roots()
    root = roots.live if repository.location == RepositoryLocation.LIVE else roots.cold
    folder = root.repository(repository.archive.device.guid)
    try:
        rubbish.remove_files(folder, at=at)
        size = folder_sizes.count(folder)
    except FileNotFoundError:
        if repository.archive.size_bytes:
            # It has just been moved, or it is lost: that is for check_invariants to find.
            log.warning("the folder of the archive of device %s is not there", repository.archive.device.guid)
            return False
        size = FolderSize(files=0, size_bytes=0)
    return _store(repository, size, at=at)


@transaction.atomic
def _store(repository: Repository, size: FolderSize, *, at: datetime) -> bool:
    locks.owners_of_archives([repository.archive_id])
    # Unless a move has begun, or something was stored meanwhile: then it is counted again.
    same = Repository.objects.filter(pk=repository.pk, location=repository.location, changes=repository.changes)
    if not same.update(counted_at=at):
        return False
    Archive.objects.filter(pk=repository.archive_id).update(size_bytes=size.size_bytes)
    return True


def remove_rubbish(*, at: datetime, stay: Callable[[], None] = lambda: None) -> int:
    """Remove from the storage roots what killed copies and deletions have left a day ago; return how many folders."""
    roots, removed = storage_roots(), 0
    moving = set(ArchiveMove.objects.values_list("archive__device__guid", flat=True))
    stored = set(Repository.objects.values_list("archive__device__guid", flat=True))
    for root in roots.both:
        if not root.is_there() or not roots.live.is_there():
            continue
        try:
            removed += rubbish.remove_folders(root, locks=roots.live, moving=moving, stored=stored, at=at, go_on=stay)
        except OSError as error:
            log.warning("old rubbish can't be removed from %s: %s", root.path, printable(error))
    return removed
