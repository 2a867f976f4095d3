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
from orgs.backups.move_errors import FolderMissing, MoveStopped, PurgeOnHold, in_words, printable
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
        update_fields=["to", "started_at", "last_turn_at", "error", "tries"],
    )
    transaction.on_commit(lambda: moves_begun.send(sender=ArchiveMove))


def carry_out(move_id: int, *, clock: Callable[[], datetime], go_on: Callable[[], None]) -> bool:
    """Carry out one move to its end; return whether there is nothing left to do of it.

    ``go_on`` is called after each file that was copied or deleted, and may raise to interrupt. A move that can't go on keeps
    its row, with the reason, and is tried again.
    """
    move = _loaded(move_id)
    if move is None:
        return True
    guid, roots = move.archive.device.guid, storage_roots()
    try:
        make_default_roots()
        with in_words(), locked(roots.live, guid):
            # Read again: another worker may have ended it, or an action have turned it round.
            move = _loaded(move_id)
            return move is None or _carry_out(move, guid, roots, clock=clock, go_on=go_on)
    except FolderLocked:
        return False
    except (MoveStopped, BadName) as error:
        reason = printable(error)
        log.warning("the archive of device %s is not moved: %s", guid, reason)
        # Unless it was turned round meanwhile: nothing has stopped the new direction yet.
        same = ArchiveMove.objects.filter(pk=move_id, to=move.to, started_at=move.started_at) if move else None
        if same is not None:
            same.update(error=reason, tries=F("tries") + 1)
        return False


def _loaded(move_id: int) -> ArchiveMove | None:
    return ArchiveMove.objects.select_related("archive__device").filter(pk=move_id).first()


def _carry_out(
    move: ArchiveMove, guid: str, roots: StorageRoots, *, clock: Callable[[], datetime], go_on: Callable[[], None]
) -> bool:
    if move.to == MoveTarget.GONE:
        return _purge(move, guid, roots, clock=clock, go_on=go_on)
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


def _purge(
    move: ArchiveMove, guid: str, roots: StorageRoots, *, clock: Callable[[], datetime], go_on: Callable[[], None]
) -> bool:
    """Delete an archive, unless its user is on hold: asked before its name goes, and once more before its first file goes.

    No file is touched inside a transaction, as a slow disk would keep everybody else waiting.
    """
    if _is_on_hold(move):
        return _call_off(move, guid, roots)
    if not folder_moves.begin_purge(guid, roots=roots.both) and move.archive.size_bytes:
        raise FolderMissing(roots.cold.repository(guid))
    if _is_on_hold(move):
        return _call_off(move, guid, roots)
    folder_moves.purge(guid, roots=roots.both, go_on=go_on)
    _delete_row(move, at=clock())
    folder_moves.end_purge(guid, roots=roots.both)
    return True


@transaction.atomic
def _is_on_hold(move: ArchiveMove) -> bool:
    locks.owners_of_archives([move.archive_id])
    return Archive.objects.filter(pk=move.archive_id).on_legal_hold().exists()


def _call_off(move: ArchiveMove, guid: str, roots: StorageRoots) -> bool:
    """Have an archive wait in cold storage, as a hold came after its deletion was decided; nothing of it is deleted."""
    if not folder_moves.call_off_purge(guid, roots=roots.both, size_bytes=move.archive.size_bytes):
        raise PurgeOnHold(next(root.gone(guid) for root in roots.both if root.gone(guid).is_dir()))
    ArchiveMove.objects.filter(pk=move.pk, to=MoveTarget.GONE).update(to=MoveTarget.COLD, error="", tries=0)
    return False


@transaction.atomic
def _delete_row(move: ArchiveMove, *, at: datetime) -> None:
    locks.owners_of_archives([move.archive_id])
    archive = Archive.objects.select_related("device").get(pk=move.archive_id)
    facts = [Fact("archive", archive.pk, archive.device.name, before={"size_bytes": archive.size_bytes})]
    note(facts, action="archive purged", by=SYSTEM, at=at)
    archive.delete()
