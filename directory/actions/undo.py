"""Starts the undo of a run: a new plan, which is shown first and then applied like any other."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from directory.actions import run_start_and_cancel
from directory.input_errors import Refused
from directory.models import Run, RunServer, Trigger
from directory.values.plan import Outcome
from orgs.actions.audit import Fact, note
from orgs.rules.actors import Actor


def start(*, run: Run, by: Actor, at: datetime, trigger: Trigger = Trigger.HAND, wake: bool = True) -> Run:
    """Queue a simulation whose plan undoes this run; it holds the run's LDAP servers, but reads none of them.

    Raises:
        Refused: when the run has nothing to undo, has been undone, or another run holds one of its servers.
    """
    run_start_and_cancel.close_dead(at=at)
    with transaction.atomic():
        stored = Run.objects.select_for_update().get(pk=run.pk)
        if reason := why_not(stored):
            raise Refused(reason)
        try:
            with transaction.atomic():
                undo = _queued(stored, by=by, at=at, trigger=trigger)
        except run_start_and_cancel.ServerHeld as error:
            raise Refused(run_start_and_cancel.who_holds(stored.servers.all())) from error
        note([Fact("run", undo.pk, str(undo), after={"undo of": run.pk})], action="undo simulated", by=by, at=at)
    if wake:
        transaction.on_commit(lambda: run_start_and_cancel.wake_worker(undo.pk))
    return undo


def why_not(run: Run) -> str:
    """Return why this run can't be undone; empty when it can."""
    if run.live:
        return f"run {run.pk} is {run.get_state_display()}: wait for its end or cancel it"
    if run.simulated:
        return f"nothing to undo: run {run.pk} is a simulation, which changes nobody"
    if run.cleared_at is not None:
        return (
            f"what run {run.pk} changed can't be undone any more: its changes were removed on {run.cleared_at:%Y-%m-%d}"
        )
    if not run.stored_changes.filter(outcome=Outcome.APPLIED).exists():
        return f"nothing to undo: run {run.pk} changed nobody"
    if (undo := run.undo_in_force()) is not None:
        return f"run {run.pk} has been undone by run {undo.pk} already: undo that one instead"
    return ""


def _queued(run: Run, *, by: Actor, at: datetime, trigger: Trigger) -> Run:
    undo = Run.objects.create(
        simulated=True,
        undo_of=run,
        trigger=trigger,
        started_by_id=by.user_id,
        started_by_label=by.label,
        created_at=at,
    )
    # Neither chosen nor ever complete: schedules and limits must not count an undo as a reading.
    run_start_and_cancel.hold_servers(
        [
            RunServer(
                run=undo,
                server_id=reading.server_id,
                server_name=reading.server_name,
                configuration_digest=reading.configuration_digest,
                chosen=False,
            )
            for reading in run.readings.order_by("pk")
        ]
    )
    return undo
