"""Who works on a run: a lease in the run's row, kept alive by its worker, that another worker takes when it runs out."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from directory.models import LIVE_STATES, Run, RunServer, RunState
from directory.models.runs.run import RunQuerySet
from directory.sync.errors import Cancelled, Leaving, TakenOver

Clock = Callable[[], datetime]
Progress = Callable[[str, int, int | None], None]

log = logging.getLogger("rollcall.sync")

# A run that dies this often without getting any further dies of itself.
MAX_ATTEMPTS = 5
# Pages show the progress of a run, at most half a second old.
REPORTS_EVERY = 0.5
# A step that takes so many seconds hangs, and another worker may have the run.
HANGS_AFTER = 600


def ignore_progress(_phase: str, _done: int, _total: int | None) -> None:
    """Follow a run by its row only."""


@dataclass(slots=True)
class Lease:
    """The right to work on one run, for as long as it is renewed.

    It is timed by the database's clock, which is one for all workers; ``clock`` dates what is written.
    """

    run_id: int
    fence: int
    clock: Clock
    progress: Progress
    # Until when the present step may take, by the clock that nobody sets.
    step_ends: float = field(init=False)
    _reported: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._step()

    def renew(self, *, phase: str, done: int, total: int | None = None, extra_timeout: int = 0) -> None:
        """Keep the lease and store the progress; inside a transaction it also guards everything written there.

        ``extra_timeout`` is how many seconds longer than usual the next step may take.

        Raises:
            TakenOver: when another worker holds the run, or it has ended.
            Cancelled: when someone asked it to stop.
        """
        renewed = {"lease_until": _until(), "phase": phase[:32], "done": done, "total": total}
        if not self._own_run().filter(cancel_requested=False).update(**renewed):
            # Raises TakenOver where both are true: the run is lost and cancelled.
            self.save(**renewed)
            raise Cancelled
        self._step(extra_timeout)
        self._reported = time.monotonic()
        self.progress(phase, done, total)

    def stay(self, *, phase: str, done: int, extra_timeout: int = 0) -> None:
        """Renew where that was a while ago: for steps that write nothing. Raises as ``renew`` does."""
        if time.monotonic() > self._reported + REPORTS_EVERY:
            self.renew(phase=phase, done=done, extra_timeout=extra_timeout)
        self._step(extra_timeout)
        self.progress(phase, done, None)

    def save(self, **values: Any) -> None:
        """Write to the run's row, as the one who is in charge of it.

        Raises:
            TakenOver: when another worker holds the run, or it has ended.
        """
        self._step()
        if not self._own_run().update(**values):
            raise TakenOver(f"run {self.run_id} is worked on elsewhere")

    def got_further(self) -> None:
        """Count attempts anew: a run that gets further each time does not die of itself."""
        self.save(attempts=1)

    def beat(self) -> bool:
        """Stay in charge while a step works; tell whether there is anything left to be in charge of."""
        return bool(self._own_run().update(lease_until=_until()))

    def release(self, error: BaseException | None = None, *, counted: bool = True) -> None:
        """Let the next worker take the run at once; when even that can't be written, as soon as the lease has run out.

        ``error`` is what ended this attempt; one that is not ``counted`` could have gone on.
        """
        values: dict[str, Any] = {"lease_until": None, "owner": ""}
        if isinstance(error, Exception):
            values["error"] = f"{type(error).__name__}: {error}"[:1000]
        if not counted:
            values["attempts"] = F("attempts") - 1
        try:
            # The connection may be what broke; inside a transaction it is not ours to close.
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
            TakenOver: when another worker holds the run.
        """
        self.save(state=state, error=error, phase="", owner="", lease_until=None, finished_at=self.clock())
        RunServer.objects.filter(run=self.run_id).update(live=False)

    def _step(self, extra_timeout: int = 0) -> None:
        self.step_ends = time.monotonic() + HANGS_AFTER + extra_timeout

    def _own_run(self) -> RunQuerySet:
        return Run.objects.filter(pk=self.run_id, fence=self.fence, state__in=LIVE_STATES)


@contextmanager
def redoable() -> Iterator[None]:
    """A transaction that costs only time when a crash of the database loses it, so it does not wait for the disk.

    PostgreSQL loses such ones from the end: whatever is committed with care afterwards takes all before it along.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO off")
        yield


@contextmanager
def acquired(run_id: int, *, clock: Clock, progress: Progress) -> Iterator[Lease | None]:
    """Hold the lease of a run while it is worked on; None when another worker has it, or it has ended.

    Work that another worker has taken over, or that this one is told to leave, ends without an error.
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
            # A bug, a broken database, or the worker is ended: the next one goes on from the rows, at once.
            lease.release(error)
            raise


def claim(run_id: int, *, clock: Clock, progress: Progress) -> Lease | None:
    """Take a run that waits or whose worker has not been heard of; None when it is held, has ended or died too often."""
    free = Run.objects.abandoned().filter(pk=run_id, attempts__lt=MAX_ATTEMPTS)
    return _take(free, run_id, clock, progress, attempts=F("attempts") + 1)


def claim_dead(run_id: int, *, clock: Clock) -> Lease | None:
    """Take a run to end it, however often it has died; None when somebody was faster."""
    return _take(Run.objects.abandoned().filter(pk=run_id), run_id, clock, lambda *_: None)


def _take(free: RunQuerySet, run_id: int, clock: Clock, progress: Progress, **values: Any) -> Lease | None:
    fence = free.values_list("fence", flat=True).first()
    if fence is None:
        return None
    owner = f"{socket.gethostname()}:{os.getpid()}"
    # With the fence as it was seen: whoever was faster has raised it.
    taken = free.filter(fence=fence).update(fence=fence + 1, owner=owner, lease_until=_until(), **values)
    return Lease(run_id, fence + 1, clock, progress) if taken else None


@contextmanager
def kept_alive(lease: Lease) -> Iterator[None]:
    """Renew the lease from a thread of its own, so that a step may take longer than the lease lasts."""
    if connection.in_atomic_block:
        # Nobody else sees the lease before the transaction ends.
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
    """Beat until the work has ended, the run is someone else's, or a step hangs: then another worker may have it."""
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


def _until() -> Combinable:
    return Now() + timedelta(seconds=settings.RUN_LEASE_SECONDS)
