"""Begins moves of archives: rows of a journal, in the transaction of the action that decides the move."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from orgs.models import ArchiveMove, MoveTarget, Repository, RepositoryLocation


def begin(*, archive_ids: Collection[int], to: MoveTarget, at: datetime) -> None:
    """Have the repositories of these archives moved there; a move under way turns round. Archives without one are left out.

    From the commit on the gate refuses their devices until the move is finished.
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
