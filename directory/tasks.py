"""Celery's tasks: ids in, one call each, safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from directory.actions import schedule
from directory.sync import notify, pipeline
from orgs.actions import archives
from orgs.actors import SYSTEM


@shared_task(ignore_result=True, queue="sync")
def carry_out_run(*, run_id: int) -> None:
    """Take one run to its end."""
    pipeline.execute(run_id, clock=timezone.now)


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
    notify.send_waiting(at=timezone.now())


@shared_task(ignore_result=True, queue="mail")
def age_archives() -> None:
    """Expire and purge archives past their dates."""
    archives.age(by=SYSTEM, at=timezone.now())
