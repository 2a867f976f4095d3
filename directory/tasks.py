"""Celery's tasks: ids in, one call each, safe to run twice."""

from __future__ import annotations

import mmap

from celery import shared_task
from celery.signals import worker_shutting_down
from django.utils import timezone

from directory.actions import schedule, uploads
from directory.sync import closing, pipeline
from directory.sync.errors import Leaving
from orgs.actions import archives
from orgs.actors import SYSTEM

# One byte that a worker shares with the processes that it forks: whether it has been told to go.
_leaving = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def leave(**_: object) -> None:
    """Have the run that is worked on put down after its present step."""
    _leaving[0] = 1


def stay(_phase: str, _done: int, _total: int | None) -> None:
    """Go on with a run, unless the worker has been told to go.

    Raises:
        Leaving: when it has.
    """
    if _leaving[0]:
        raise Leaving


@shared_task(ignore_result=True, queue="sync")
def carry_out_run(*, run_id: int) -> None:
    """Take one run to its end."""
    pipeline.execute(run_id, clock=timezone.now, progress=stay)


@shared_task(ignore_result=True, queue="mail")
def wake_abandoned() -> None:
    """Have runs taken up again that wait or lost their worker."""
    schedule.wake_abandoned(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def start_due() -> None:
    """Start the run of the servers that are due."""
    schedule.start_due(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def send_waiting_mail() -> None:
    """Send the mails that wait."""
    closing.send_waiting(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def age_archives() -> None:
    """Expire and purge archives past their dates."""
    archives.age(by=SYSTEM, at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def forget_uploads() -> None:
    """Forget the previews of uploaded files that have expired."""
    uploads.forget_expired(at=timezone.now())
