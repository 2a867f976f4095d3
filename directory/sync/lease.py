"""Who works on a run: a lease in the run's row that is renewed with every step and can be lost to another worker."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from directory.models import LIVE_STATES, Run, RunServer, RunState
from directory.sync.errors import Cancelled, TakenOver

Clock = Callable[[], datetime]
Progress = Callable[[str, int, int | None], None]

# A run that dies this often dies of itself.
MAX_ATTEMPTS = 5


@dataclass(slots=True)
class Lease:
    """The right to work on one run, for as long as it is renewed."""

    run_id: int
    fence: int
    clock: Clock
    progress: Progress

    def renew(self, *, phase: str, done: int, total: int | None = None, patience: int = 0) -> None:
        """Stay in charge and say how far the run is; inside a transaction it also guards everything written there.

        ``patience`` are seconds that the next step may take longer than usual.

        Raises:
            TakenOver: when another worker holds the run, or it has ended.
            Cancelled: when someone asked it to stop.
        """
        self.save(lease_until=_until(self.clock(), patience), phase=phase[:32], done=done, total=total)
        if Run.objects.filter(pk=self.run_id, cancel_requested=True).exists():
            raise Cancelled
        self.progress(phase, done, total)

    def save(self, **values: Any) -> None:
        """Write to the run's row, as the one who is in charge of it.

        Raises:
            TakenOver: when another worker holds the run, or it has ended.
        """
        held = Run.objects.filter(pk=self.run_id, fence=self.fence, state__in=LIVE_STATES)
        if not held.update(**values):
            raise TakenOver(f"run {self.run_id} is worked on elsewhere")

    def release(self) -> None:
        """Let the next worker take the run at once."""
        Run.objects.filter(pk=self.run_id, fence=self.fence).update(lease_until=None, owner="")

    @transaction.atomic
    def finish(self, state: RunState, *, error: str = "") -> None:
        """End the run in this state and free its servers.

        Raises:
            TakenOver: when another worker holds the run.
        """
        self.save(state=state, error=error, phase="", owner="", lease_until=None, finished_at=self.clock())
        RunServer.objects.filter(run=self.run_id).update(live=False)


def claim(run_id: int, *, clock: Clock, progress: Progress) -> Lease | None:
    """Take a run that waits or whose worker has not been heard of; None when it is held, has ended or died too often."""
    at = clock()
    free = Run.objects.abandoned(at).filter(pk=run_id, attempts__lt=MAX_ATTEMPTS)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    if not free.update(fence=F("fence") + 1, attempts=F("attempts") + 1, owner=owner, lease_until=_until(at)):
        return None
    return Lease(run_id, Run.objects.values_list("fence", flat=True).get(pk=run_id), clock, progress)


def _until(at: datetime, patience: int = 0) -> datetime:
    return at + timedelta(seconds=settings.RUN_LEASE_SECONDS + patience)
