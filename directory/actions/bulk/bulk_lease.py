"""Gives an act on many users to one worker at a time: the lease in the act's row.

Every part of the work is one short transaction that first renews the lease, and so locks the act's row: another worker
can't take the act before this transaction ends, and then finds the lease renewed. So no thread has to renew it, as for a run.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Case, F, When
from django.db.models.functions import Now

from directory.models import BulkAct, BulkState
from directory.models.bulk.bulk_acts import BulkActQuerySet
from directory.models.leases import lease_end
from directory.sync.lease import MAX_ATTEMPTS
from directory.sync.run_interruptions import Cancelled, TakenOver

# After so long without a worker, waiting for rows that others hold begins anew.
LONG_IDLE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class BulkLease:
    """The right to work on one act."""

    act_id: int
    fence: int

    def renew(self) -> None:
        """Keep the act, at the beginning of a transaction, which this guards.

        Raises:
            TakenOver: another worker has the act, or it has ended.
            Cancelled: somebody has cancelled the act.
        """
        if not self._own().filter(cancel_requested=False).update(lease_until=lease_end()):
            self.save(lease_until=lease_end())
            raise Cancelled

    def save(self, **values: Any) -> None:
        """Write these columns of the act's row.

        Raises:
            TakenOver: another worker has the act, or it has ended.
        """
        if not self._own().update(**values):
            raise TakenOver(f"bulk act {self.act_id} is worked on elsewhere")

    def release(self, *, counted: bool = True) -> None:
        """Let the next worker take the act at once; an attempt that is not ``counted`` could have gone on."""
        values: dict[str, Any] = {"lease_until": None, "owner": ""}
        if not counted:
            values["attempts"] = F("attempts") - 1
        self._own().update(**values)

    def _own(self) -> BulkActQuerySet:
        return BulkAct.objects.live().filter(pk=self.act_id, fence=self.fence)


def claim(act_id: int) -> BulkLease | None:
    """Take an act that waits, or that its worker has lost; None if another worker has it, or it has died too often."""
    return _take(BulkAct.objects.abandoned().filter(pk=act_id, attempts__lt=MAX_ATTEMPTS), act_id)


def claim_dead(act_id: int) -> BulkLease | None:
    """Take an act in order to end it, however often it has died."""
    return _take(BulkAct.objects.abandoned().filter(pk=act_id), act_id)


def _take(free: BulkActQuerySet, act_id: int) -> BulkLease | None:
    fence = free.values_list("fence", flat=True).first()
    if fence is None:
        return None
    owner = f"{socket.gethostname()}:{os.getpid()}"
    # Nobody has tried since: what the act waited for then says nothing about now.
    long_idle = When(lease_until__lt=Now() - LONG_IDLE, then=None)
    # Only with the fence that was read: a faster worker has raised it.
    taken = free.filter(fence=fence).update(
        fence=fence + 1,
        owner=owner,
        lease_until=lease_end(),
        attempts=F("attempts") + 1,
        state=BulkState.WORKING,
        waits_since=Case(long_idle, default=F("waits_since")),
    )
    return BulkLease(act_id, fence + 1) if taken else None
