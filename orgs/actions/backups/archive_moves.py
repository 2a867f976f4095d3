"""Begins and ends moves of archives between live and cold storage, and their deletion.

An action begins a move in its own transaction, as a row of the journal. A worker carries it out after the commit. How far
it is, the folders show; the row says only where it leads, and may be turned round at any time before its end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.backups import folder_moves, folder_sizes
from orgs.backups.folder_locks import FolderLocked, locked
from orgs.backups.folder_sizes import FolderSize
from orgs.backups.folders import BadName
from orgs.backups.move_errors import FolderMissing, MoveStopped
from orgs.backups.move_signal import moves_begun
from orgs.backups.storage_roots import StorageRoots, make_default_roots, storage_roots
from orgs.models import Archive, ArchiveMove, MoveTarget, Repository, RepositoryLocation
from orgs.rules.actors import SYSTEM

log = logging.getLogger("rollcall.archives")

_LOCATION = {MoveTarget.LIVE: RepositoryLocation.LIVE, MoveTarget.COLD: RepositoryLocation.COLD}
_NOTHING = FolderSize(files=0, size_bytes=0)


def begin(*, archive_ids: Collection[int], to: MoveTarget, at: datetime) -> None:
    """Have the repositories of these archives moved there; a move under way turns round. Archives without one are left out.

    From the commit on the gate refuses their devices until the move is finished. The caller has locked their users.
    """
    moving = Repository.objects.filter(archive__among=archive_ids)
    ids = list(moving.order_by("archive").values_list("archive", flat=True))
    if not ids:
        return
    moving.update(location=RepositoryLocation.MOVING)
    ArchiveMove.objects.bulk_create(
        [ArchiveMove(archive_id=pk, to=to, started_at=at) for pk in ids],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["archive"],
        update_fields=["to", "started_at", "error", "tries"],
    )
    transaction.on_commit(lambda: moves_begun.send(sender=ArchiveMove))


def carry_out(move_id: int, *, clock: Callable[[], datetime], go_on: Callable[[], None]) -> bool:
    """Carry out one move to its end; return whether there is nothing left to do of it.

    ``go_on`` is called after each file that was copied, and may raise to interrupt. A move that can't go on keeps its row,
    with the reason, and is tried again.
    """
    move = ArchiveMove.objects.select_related("archive__device").filter(pk=move_id).first()
    if move is None:
        return True
    guid, roots = move.archive.device.guid, storage_roots()
    try:
        make_default_roots()
        with locked(roots.live, guid):
            # Read again: another worker may have ended it, or an action have turned it round.
            move = ArchiveMove.objects.select_related("archive").filter(pk=move_id).first()
            return move is None or _carry_out(move, guid, roots, clock=clock, go_on=go_on)
    except FolderLocked:
        return False
    except (MoveStopped, BadName, OSError) as error:
        log.warning("the archive of device %s is not moved: %s", guid, error)
        ArchiveMove.objects.filter(pk=move_id).update(error=str(error), tries=F("tries") + 1)
        return False


def _carry_out(
    move: ArchiveMove, guid: str, roots: StorageRoots, *, clock: Callable[[], datetime], go_on: Callable[[], None]
) -> bool:
    if move.to == MoveTarget.GONE:
        return _purge(move, guid, roots, clock=clock)
    target, source = roots.both if move.to == MoveTarget.LIVE else roots.both[::-1]
    size, at = _NOTHING, clock()
    try:
        folder_moves.move(guid, source=source, target=target, go_on=go_on)
        at = clock()
        size = folder_sizes.count(target.repository(guid))
    except FolderMissing:
        # Nothing was ever stored in it: the device has an archive, and has not backed up yet.
        if move.archive.size_bytes:
            raise
    return _end(move, size, at=at)


@transaction.atomic
def _end(move: ArchiveMove, size: FolderSize, *, at: datetime) -> bool:
    """Note that the archive has come over, unless the move was turned round meanwhile; return whether it was noted."""
    locks.owners_of_archives([move.archive_id])
    if not ArchiveMove.objects.filter(pk=move.pk, to=move.to).delete()[0]:
        return False
    location = _LOCATION[MoveTarget(move.to)]
    Repository.objects.filter(archive=move.archive_id).update(location=location, counted_at=at)
    Archive.objects.filter(pk=move.archive_id).update(size_bytes=size.size_bytes)
    return True


def _purge(move: ArchiveMove, guid: str, roots: StorageRoots, *, clock: Callable[[], datetime]) -> bool:
    with transaction.atomic():
        locks.owners_of_archives([move.archive_id])
        archives = Archive.objects.filter(pk=move.archive_id)
        if not ArchiveMove.objects.filter(pk=move.pk, to=MoveTarget.GONE).exists():
            return False
        if archives.on_legal_hold().exists() and not folder_moves.purge_has_begun(guid, roots=roots.both):
            # A hold came after the decision: the archive waits in cold storage, where it was.
            ArchiveMove.objects.filter(pk=move.pk).update(to=MoveTarget.COLD, error="", tries=0)
            return False
        folder_moves.begin_purge(guid, roots=roots.both)
    folder_moves.purge(guid, roots=roots.both)
    with transaction.atomic():
        locks.owners_of_archives([move.archive_id])
        archive = archives.select_related("device").get()
        facts = [Fact("archive", archive.pk, archive.device.name, before={"size_bytes": archive.size_bytes})]
        note(facts, action="archive purged", by=SYSTEM, at=clock())
        archive.delete()
    return True
