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
def tick() -> None:
    """Look at the clock: wake what was left, start what is due, send what waits, age archives."""
    now = timezone.now()
    schedule.wake_abandoned(at=now)
    schedule.start_due(at=now)
    notify.send_waiting(at=now)
    archives.age(by=SYSTEM, at=now)
