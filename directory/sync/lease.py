"""Gives a run to one worker: the lease in the run's row, which another worker takes if it is not renewed."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F

from directory.models import LIVE_STATES, Run, RunServer, RunState
from directory.models.leases import lease_end
from directory.models.runs.run import RunQuerySet
from directory.sync.run_interruptions import Cancelled, Leaving, TakenOver

Clock = Callable[[], datetime]
Progress = Callable[[str, int, int | None], None]

log = logging.getLogger("rollcall.sync")

# A run that dies this often without any progress is not tried again: it is the cause itself.
MAX_ATTEMPTS = 5
# Pages show the progress of a run, at most half a second old.
REPORTS_EVERY = 0.5
# After so many seconds a step counts as hanging, and another worker may take the run.
HANGS_AFTER = 600


def ignore_progress(_phase: str, _done: int, _total: int | None) -> None:
    """Do nothing with the progress of a run; its row shows it anyhow."""


@dataclass(slots=True)
class Lease:
    """The right to work on one run, for as long as it is renewed.

    The lease is timed by the database's clock, which is the same for all workers; ``clock`` gives the times that are
    written.
    """

    run_id: int
    fence: int
    clock: Clock
    progress: Progress
    # When the present step counts as hanging, by the monotonic clock, which nobody can set.
    step_ends: float = field(init=False)
    _reported: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._step()

    def renew(self, *, phase: str, done: int, total: int | None = None, extra_timeout: int = 0) -> None:
        """Keep the lease and store the progress; in a transaction this also guards all that the transaction writes.

        ``extra_timeout`` is how many seconds longer than usual the next step may take.

        Raises:
            TakenOver: another worker works on the run, or the run has ended.
            Cancelled: somebody has cancelled the run.
        """
        renewed = {"lease_until": lease_end(), "phase": phase[:32], "done": done, "total": total}
        if not self._own_run().filter(cancel_requested=False).update(**renewed):
            # Raises TakenOver if the run is lost; that counts more than a cancellation.
            self.save(**renewed)
            raise Cancelled
        self._step(extra_timeout)
        self._reported = time.monotonic()
        self.progress(phase, done, total)

    def stay(self, *, phase: str, done: int, extra_timeout: int = 0) -> None:
        """Renew the lease if the last time was a while ago; for steps that write nothing. Raises as ``renew`` does."""
        if time.monotonic() > self._reported + REPORTS_EVERY:
            self.renew(phase=phase, done=done, extra_timeout=extra_timeout)
        self._step(extra_timeout)
        self.progress(phase, done, None)

    def save(self, **values: Any) -> None:
        """Write these columns of the run's row, if this worker still has the run.

        Raises:
            TakenOver: another worker works on the run, or the run has ended.
        """
        self._step()
        if not self._own_run().update(**values):
            raise TakenOver(f"run {self.run_id} is worked on elsewhere")

    def got_further(self) -> None:
        """Count attempts anew: the limit is for runs that die without any progress."""
        self.save(attempts=1)

    def beat(self) -> bool:
        """Renew the lease while a step works; return whether this worker still has the run."""
        return bool(self._own_run().update(lease_until=lease_end()))

    def release(self, error: BaseException | None = None, *, counted: bool = True) -> None:
        """Let another worker take the run at once; if that can't be written, it can take the run once the lease is over.

        ``error`` ended this attempt. An attempt that is not ``counted`` could have gone on.
        """
        values: dict[str, Any] = {"lease_until": None, "owner": ""}
        if isinstance(error, Exception):
            values["error"] = f"{type(error).__name__}: {error}"[:1000]
        if not counted:
            values["attempts"] = F("attempts") - 1
        try:
            # The connection itself may be broken. In a transaction it belongs to the caller, so it stays open.
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            self._own_run().update(**values)
        except Error as trouble:
            log.warning(
                "run %s could not be given back and waits until its lease has run out: %s", self.run_id, trouble
            )

    @transaction.atomic
    def finish(self, state: RunState, *, error: str = "") -> None:
        """End the run in this state and free its servers.

        Raises:
            TakenOver: another worker works on the run, or the run has ended.
        """
        self.save(state=state, error=error, phase="", owner="", lease_until=None, finished_at=self.clock())
        RunServer.objects.filter(run=self.run_id).update(live=False)

    def _step(self, extra_timeout: int = 0) -> None:
        self.step_ends = time.monotonic() + HANGS_AFTER + extra_timeout

    def _own_run(self) -> RunQuerySet:
        return Run.objects.filter(pk=self.run_id, fence=self.fence, state__in=LIVE_STATES)


@contextmanager
def redoable() -> Iterator[None]:
    """A transaction whose work can be done again, so that its commit does not wait for the disk.

    If PostgreSQL crashes, it loses the last such transactions. A later commit that waits for the disk makes all earlier
    ones safe as well.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO off")
        yield


@contextmanager
def acquired(run_id: int, *, clock: Clock, progress: Progress) -> Iterator[Lease | None]:
    """Hold the lease of a run while this worker works on it; None if another worker has it, or the run has ended.

    The block ends without an error if another worker takes over, or this worker has to stop.
    """
    lease = claim(run_id, clock=clock, progress=progress)
    if lease is None:
        yield None
        return
    with kept_alive(lease):
        try:
            yield lease
        except TakenOver as error:
            log.warning("%s", error)
        except Leaving:
            log.info("run %s is left to the next worker", run_id)
            lease.release(counted=False)
        except BaseException as error:
            # A bug, a broken database, or a worker that is stopped: another one goes on from the rows at once.
            lease.release(error)
            raise


def claim(run_id: int, *, clock: Clock, progress: Progress) -> Lease | None:
    """Take a run that waits, or whose lease is over; None if another worker has it, or it has ended or died too often."""
    free = Run.objects.abandoned().filter(pk=run_id, attempts__lt=MAX_ATTEMPTS)
    return _take(free, run_id, clock, progress, attempts=F("attempts") + 1)


def claim_dead(run_id: int, *, clock: Clock) -> Lease | None:
    """Take a run in order to end it, however often it has died; None if another worker was faster."""
    return _take(Run.objects.abandoned().filter(pk=run_id), run_id, clock, lambda *_: None)


def _take(free: RunQuerySet, run_id: int, clock: Clock, progress: Progress, **values: Any) -> Lease | None:
    fence = free.values_list("fence", flat=True).first()
    if fence is None:
        return None
    owner = f"{socket.gethostname()}:{os.getpid()}"
    # Only with the fence that was read: a faster worker has raised it.
    taken = free.filter(fence=fence).update(fence=fence + 1, owner=owner, lease_until=lease_end(), **values)
    return Lease(run_id, fence + 1, clock, progress) if taken else None


@contextmanager
def kept_alive(lease: Lease) -> Iterator[None]:
    """Renew the lease in a thread of its own, so that a step may take longer than the lease lasts."""
    if connection.in_atomic_block:
        # A thread has a connection of its own, which sees the lease only once this transaction has ended.
        yield
        return
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(lease, ended), name=f"lease of run {lease.run_id}", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()


def _beat(lease: Lease, ended: threading.Event) -> None:
    """Renew the lease until the work has ended or another worker has the run; pause while a step hangs."""
    alive = True
    while alive and not ended.wait(settings.RUN_LEASE_SECONDS / 4):
        if time.monotonic() > lease.step_ends:
            continue
        try:
            alive = lease.beat()
        except Error as error:
            log.warning("the lease of run %s could not be renewed: %s", lease.run_id, error)
            connection.close()
    connection.close()
