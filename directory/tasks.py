"""Defines the Celery tasks: each takes ids, makes one call, and is safe to run twice."""

from __future__ import annotations

import logging
import mmap
from contextlib import suppress

from celery import shared_task
from celery.signals import worker_shutting_down
from django.utils import timezone
from kombu.exceptions import OperationalError

from directory.actions import damaged_archives, due_runs, missing_backups, old_rows
from directory.actions.bulk import carrying_out, choosing, waking
from directory.actions.users import user_uploads
from directory.scheduling import archive_calls, heartbeats
from directory.scripts.distributed import remote_worker
from directory.scripts.distributed.dispatcher import WorkerPool
from directory.sync import pipeline
from directory.sync.finish import run_mails
from directory.sync.run_interruptions import Leaving
from orgs.actions import archives
from orgs.actions.backups import maintenance_turns, move_turns, sizes
from orgs.actions.matters import hold_exports
from orgs.actions.restores import requested_restores
from orgs.rules.actors import SYSTEM

log = logging.getLogger("rollcall.sync")

# Seconds after which the call of a worker to a batch expires.
HELPS_WITHIN = 60
# One byte that a worker shares with its forked processes: 1 when the worker has to stop.
_leaving = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def leave(**_: object) -> None:
    """Make the current run stop after its present step; another worker continues it."""
    _leaving[0] = 1


def stay(_phase: str, _done: int, _total: int | None) -> None:
    """Let a run go on, unless the worker has to stop.

    Raises:
        Leaving: when the worker has to stop.
    """
    if _leaving[0]:
        raise Leaving


@shared_task(ignore_result=True, queue="sync")
def carry_out_run(*, run_id: int) -> None:
    """Carry out one run to its end."""
    pipeline.execute(run_id, clock=timezone.now, progress=stay, workers=WorkerPool(_count_other_workers, _call_worker))


@shared_task(ignore_result=True, queue="sync")
def help_with_scripts(*, batch_id: int) -> None:
    """Evaluate a batch of a run that another worker carries out, and further batches of that run."""
    with suppress(Leaving):
        remote_worker.help_with(batch_id, go_on=lambda: stay("helping", 0, None))


def _count_other_workers() -> int:
    """Return the number of other living workers that take these tasks."""
    return max(0, heartbeats.workers_alive(queue="sync", at=timezone.now()) - 1)


def _call_worker(batch_id: int) -> None:
    """Call a worker to a batch; when the broker is down, the run's own worker evaluates the batch."""
    try:
        help_with_scripts.apply_async(kwargs={"batch_id": batch_id}, retry=False, expires=HELPS_WITHIN)
    except OperationalError as error:
        log.info("nobody is called to help with scripts: the broker can't be reached (%s)", error)


@shared_task(ignore_result=True, queue="mail")
def carry_out_bulk_act(*, act_id: int) -> None:
    """Carry out one act on many users, for a short time; then mail and other tasks come first.

    The worker for mail does it, so that no act waits for a run.
    """
    if carrying_out.carry_out(act_id, clock=timezone.now, stay=_stay_with_act, turn=carrying_out.TURN):
        waking.wake_worker(act_id)


def _stay_with_act() -> None:
    stay("bulk act", 0, None)


@shared_task(ignore_result=True, queue="mail")
def wake_abandoned() -> None:
    """Call workers to runs, and to acts on many users, that wait or lost their worker."""
    due_runs.wake_abandoned(at=timezone.now())
    carrying_out.wake_abandoned(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def start_due() -> None:
    """Start a run of the servers that are due."""
    due_runs.start_due(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def send_waiting_mail() -> None:
    """Send the mails that wait."""
    run_mails.send_waiting(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def age_archives() -> None:
    """Expire and purge archives past their dates, and end the restores that no computer came for."""
    archives.age(by=SYSTEM, at=timezone.now())
    requested_restores.expire(by=SYSTEM, at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def move_archives() -> None:
    """Move archives that wait for it, for a short time; then mail and other tasks come first."""
    with suppress(Leaving):
        if move_turns.carry_out_waiting(clock=timezone.now, stay=_stay_with_archives):
            archive_calls.call_worker()


@shared_task(ignore_result=True, queue="mail")
def retry_archive_moves() -> None:
    """Try again to move the archives whose moves something has stopped, such as a full disk."""
    with suppress(Leaving):
        move_turns.carry_out_waiting(clock=timezone.now, stay=_stay_with_archives, stopped=True)


@shared_task(ignore_result=True, queue="mail")
def count_archives() -> None:
    """Count the sizes of archives that were written to, of each once a day, and remove old rubbish from their folders."""
    with suppress(Leaving):
        sizes.count_due(clock=timezone.now, stay=_stay_with_archives)
        sizes.remove_rubbish(at=timezone.now(), stay=_stay_with_archives)


@shared_task(ignore_result=True, queue="archives")
def maintain_archives() -> None:
    """Check archives that are due, and forget their old snapshots; a worker of its own does it, as it takes long."""
    with suppress(Leaving):
        maintenance_turns.carry_out_due(clock=timezone.now, stay=_stay_with_archives)
    damaged_archives.look(at=timezone.now())


@shared_task(ignore_result=True, queue="archives")
def export_archives() -> None:
    """Pack the archives that were requested for legal holds, and remove expired exports."""
    with suppress(Leaving):
        hold_exports.carry_out_waiting(clock=timezone.now, stay=_stay_with_archives)


def _stay_with_archives() -> None:
    stay("archives", 0, None)


@shared_task(ignore_result=True, queue="mail")
def look_for_missing_backups() -> None:
    """Raise the alert about devices without a backup, and write the mail about new ones."""
    missing_backups.look(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def forget_uploads() -> None:
    """Forget the previews of uploaded files, and unconfirmed acts on many users, that have expired."""
    user_uploads.forget_expired(at=timezone.now())
    choosing.forget_expired(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def remove_old() -> None:
    """Remove runs, changes, mails, alerts, sessions and audit entries after their retention time."""
    old_rows.remove_old(by=SYSTEM, at=timezone.now())
