"""Applies or discards the stored plan of a run."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Max

from directory import void_plans
from directory.actions import plan_approvers, run_start_and_cancel
from directory.input_errors import Refused
from directory.models import LIVE_STATES, Alert, AlertKind, Run, RunServer, RunState, Trigger
from directory.models.runs.states import PLAN_LIFETIME
from directory.org_scope import org_lists_digests
from directory.sync.review import limit_review
from directory.values.plan import Outcome
from orgs.rules.actors import Actor

# The columns that a run copies from the simulation whose plan it applies; changes and readings are copied, too.
OF_A_PLAN = (
    "trigger",
    "chosen_servers",
    "incremental",
    "planned_at",
    "counts",
    "org_counts",
    "held_back",
    "undo_of",
    "approval",
    "warnings",
    "incomplete",
    "unknown_orgs",
    "surroundings",
)


def apply_plan(*, run: Run, by: Actor, at: datetime, wake: bool = True) -> Run:
    """Start to apply exactly the stored plan of a simulated or held-back run; return the run that applies it.

    A simulation's plan gets a new run. When the plan needs approval, ``by`` is the second administrator. Alerts that the
    plan waits are dismissed.

    Raises:
        Refused: when there is no plan to apply, it is older than 24 hours, another plan has been applied or the
            configuration has changed since, it passes a limit now, or another person has to
            apply it.
    """
    run_start_and_cancel.close_dead(at=at)
    with transaction.atomic():
        stored = Run.objects.select_for_update().get(pk=run.pk)
        # Lock before looking: of two undos of one run at the same time, the second sees the first.
        list(Run.objects.select_for_update().filter(undos=stored).values_list("pk"))
        refuse_unless_applicable(run=stored, by=by, at=at)
        applied = _same_plan_in_a_new_run(stored, by, at) if stored.state == RunState.PLANNED else stored
        own = applied.readings.filter(server__isnull=False)
        if RunServer.objects.filter(server__in=own.values("server"), live=True).exclude(run=applied).exists():
            raise Refused(run_start_and_cancel.who_holds(stored.servers.all()))
        try:
            with transaction.atomic():
                applied.readings.filter(server__isnull=False).update(live=True)
        except IntegrityError as error:
            raise Refused(run_start_and_cancel.who_holds(stored.servers.all())) from error
        # Check again: from here on no other run can hold these servers.
        _refuse_void(stored)
        applied.state, applied.attempts, applied.lease_until = RunState.APPLYING, 0, None
        # The worker that held the run back may still be sending its mail: the new fence takes the run from it.
        applied.fence += 1
        applied.approved_by_id, applied.approved_by_label, applied.approved_at = by.user_id, by.label, at
        applied.applied_after = Run.objects.aggregate(newest=Max("pk"))["newest"]
        applied.finished_at, applied.cancel_requested = None, False
        applied.trigger = Trigger.HAND if wake else Trigger.COMMAND
        applied.save()
        _dismiss_alerts(stored, by=by, at=at)
        run_start_and_cancel.note_run(applied, "plan applied", by=by, at=at)
    if wake:
        transaction.on_commit(lambda: run_start_and_cancel.wake_worker(applied.pk))
    return applied


def refuse_unless_applicable(*, run: Run, by: Actor, at: datetime) -> None:
    """Refuse a plan that can't be applied, or not by ``by``.

    Raises:
        Refused: with the reason.
    """
    if not (run.state == RunState.HELD_BACK or (run.simulated and run.state == RunState.PLANNED)):
        raise Refused(
            f"run {run.pk} is {run.get_state_display()}: only a finished simulation or a held-back run has a plan to apply"
        )
    if run.planned_at is None or at - run.planned_at > PLAN_LIFETIME:
        raise Refused(f"the plan of run {run.pk} is older than 24 hours: simulate again")
    if run.undo_of is not None:
        _refuse_a_second_undo(run, run.undo_of)
    else:
        _refuse_to_apply_again(run)
        _refuse_void(run)
        _refuse_another_configuration(run)
        _refuse_beyond_a_limit(run, at)
    plan_approvers.refuse_unless_second(run=run, by=by)


def why_not_applicable(*, run: Run, by: Actor, at: datetime) -> str:
    """Return why ``by`` can't apply the run's plan now; empty when they can."""
    try:
        refuse_unless_applicable(run=run, by=by, at=at)
    except Refused as reason:
        return str(reason)
    return ""


def _refuse_a_second_undo(run: Run, undone: Run) -> None:
    """Refuse a second undo, or one without changes; the servers' configuration does not matter, as an undo reads none."""
    if (undo := undone.undo_in_force()) is not None:
        raise Refused(f"run {undone.pk} has been undone by run {undo.pk} already")
    if not run.stored_changes.filter(outcome=Outcome.PLANNED).exists():
        raise Refused(f"nothing to undo: nobody is as run {undone.pk} has left them")


def _refuse_to_apply_again(run: Run) -> None:
    before = run.applications.filter(state__in=[*LIVE_STATES, RunState.APPLIED]).first()
    if before is not None:
        raise Refused(f"the plan of run {run.pk} has been applied by run {before.pk}: simulate again")


def _refuse_void(run: Run) -> None:
    later = void_plans.overtaken_by(run)
    if later is not None:
        advice = "discard it" if run.state == RunState.HELD_BACK else "simulate again"
        raise Refused(
            f"the plan of run {run.pk} is void: run {later.run_id} has applied a plan for {later.server_name} since it was made: {advice}"
        )


def _refuse_another_configuration(run: Run) -> None:
    digests = org_lists_digests()
    for reading in run.readings.select_related("server"):
        if reading.server is None or not reading.server.enabled:
            raise Refused(f"{reading.server_name} has been deleted or disabled since the plan was made: simulate again")
        if reading.server.configuration_digest != reading.configuration_digest:
            raise Refused(
                f"the configuration of {reading.server_name} has changed since the plan was made: simulate again"
            )
        if reading.org_lists_digest not in {"", digests.get(reading.server.pk)}:
            raise Refused(
                f"which orgs ask {reading.server_name}, or which other LDAP servers they ask, has changed since the plan "
                "was made: simulate again"
            )
        if reading.complete and reading.server.grants_digest != reading.grants_digest:
            raise Refused(f"what {reading.server_name} may grant has changed since the plan was made: simulate again")


def _refuse_beyond_a_limit(run: Run, at: datetime) -> None:
    """Refuse a plan beyond a limit as it is now; changes that other runs applied meanwhile count, too."""
    if reasons := limit_review.passed_by_now(run, at=at):
        raise Refused(
            f"the plan of run {run.pk} passes a limit by now: {reasons[0].message.removesuffix('.')}: simulate again"
        )


def _same_plan_in_a_new_run(simulation: Run, by: Actor, at: datetime) -> Run:
    """Return a new run with everything of the plan except its changes: the process that carries it out copies these first."""
    run = Run.objects.create(
        simulated=False,
        state=RunState.APPLYING,
        started_by_id=by.user_id,
        started_by_label=by.label,
        plan_from=simulation,
        created_at=at,
        started_at=at,
        **{name: getattr(simulation, name) for name in OF_A_PLAN},
    )
    for row in RunServer.objects.filter(run=simulation).order_by("pk").values():
        RunServer.objects.create(**{**row, "id": None, "run_id": run.pk, "live": False})
    return run


def discard(*, run: Run, by: Actor, at: datetime) -> Run:
    """Give up a held-back plan; nothing is applied.

    Raises:
        Refused: when the run is not held back.
    """
    with transaction.atomic():
        done = Run.objects.filter(pk=run.pk, state=RunState.HELD_BACK).update(
            state=RunState.DISCARDED,
            approved_by_id=by.user_id,
            approved_by_label=by.label,
            approved_at=at,
            finished_at=at,
        )
        if not done:
            raise Refused(f"run {run.pk} is not held back")
        run.refresh_from_db()
        _dismiss_alerts(run, by=by, at=at)
        run_start_and_cancel.note_run(run, "plan discarded", by=by, at=at)
    return run


def _dismiss_alerts(run: Run, *, by: Actor, at: datetime) -> None:
    """Dismiss the alerts that this plan waits for a decision."""
    waiting = Alert.objects.open().filter(run_id=run.pk, kind__in=[AlertKind.HELD_BACK, AlertKind.APPROVAL])
    waiting.update(dismissed_at=at, dismissed_by_id=by.user_id)
