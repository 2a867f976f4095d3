"""Starts runs, applies or discards their plans, cancels them, and closes those that died."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max, Q
from django.db.models.functions import Coalesce

from directory import void_plans
from directory.actions import approval
from directory.errors import Refused
from directory.models import LIVE_STATES, Alert, AlertKind, LdapServer, Run, RunServer, RunState, Trigger
from directory.models.runs.states import PLAN_LIFETIME
from directory.scope import org_lists_digests, orgs_in_scope, servers_to_read
from directory.sync.finish import finishing
from directory.sync.lease import MAX_ATTEMPTS
from directory.sync.review import limit_review
from directory.values.plan import Outcome
from orgs.actions.audit import Fact, note
from orgs.rules.actors import Actor

log = logging.getLogger("rollcall.sync")

FOREGROUND_STARTS_WITHIN = timedelta(minutes=1)


def start(
    *,
    servers: Sequence[LdapServer],
    simulated: bool,
    trigger: Trigger,
    by: Actor,
    at: datetime,
    wake: bool = True,
    incremental: bool = False,
) -> Run:
    """Queue a run of these servers (none: all that orgs use) and of those that share an org with them.

    With ``incremental`` it reads only what has changed from servers that are set so, where that will do. ``wake`` tells a Celery worker as soon as the row is committed; without it the caller carries the run out.

    Raises:
        Refused: when no org uses the servers, or another run holds one of them.
    """
    close_dead(at=at)
    for server in servers:
        if not server.enabled:
            raise Refused(f"{server.name} is disabled: enable it first")
    chosen = [server.pk for server in servers]
    to_read = servers_to_read(chosen, orgs_in_scope().values())
    if missing := [server.name for server in servers if server.pk not in {found.pk for found in to_read}]:
        raise Refused(f"no org uses {', '.join(missing)}: choose the orgs that it serves first")
    if not to_read:
        raise Refused("there is no enabled LDAP server that an org uses: add one, and choose the orgs that it serves")
    try:
        with transaction.atomic():
            run = Run.objects.create(
                simulated=simulated,
                trigger=trigger,
                started_by_id=by.user_id,
                started_by_label=by.label,
                chosen_servers=chosen,
                incremental=incremental,
                created_at=at,
            )
            hold_servers([_reading(run, server, chosen) for server in to_read])
            _note(run, "simulation started" if simulated else "sync started", by=by, at=at)
    except ServerHeld as error:
        raise Refused(who_holds(to_read)) from error
    if wake:
        transaction.on_commit(lambda: wake_worker(run.pk))
    return run


class ServerHeld(Exception):
    """Another run holds one of the servers."""


def hold_servers(readings: Sequence[RunServer]) -> None:
    """Store the servers of a new run, each held by it from now on.

    Asked first, and added without an error where another run is faster: PostgreSQL would log each as an error of its own.

    Raises:
        ServerHeld: when another run holds one of them; the caller's transaction has to be rolled back.
    """
    servers = [reading.server_id for reading in readings]
    if RunServer.objects.filter(server__in=servers, live=True).exists():
        raise ServerHeld
    RunServer.objects.bulk_create(readings, ignore_conflicts=True)
    if readings and RunServer.objects.filter(run=readings[0].run).count() != len(readings):
        raise ServerHeld


def _reading(run: Run, server: LdapServer, chosen: Sequence[int]) -> RunServer:
    """Return the row of one server; name and configuration are noted again when it is read."""
    return RunServer(
        run=run,
        server=server,
        server_name=server.name,
        configuration_digest=server.configuration_digest,
        chosen=not chosen or server.pk in chosen,
    )


def _note(run: Run, action: str, *, by: Actor, at: datetime) -> None:
    note([Fact("run", run.pk, str(run))], action=action, by=by, at=at)


def who_holds(servers: Collection[LdapServer]) -> str:
    """Return which run holds one of these servers."""
    holding = RunServer.objects.filter(server__in=servers, live=True).select_related("run").first()
    if holding is None:
        return "another run has just started: try again"
    run = holding.run
    return (
        f"run {run.pk} ({run.get_state_display()}, started by {run.started_by_label}) holds {holding.server_name}: "
        "wait for it or cancel it"
    )


def wake_worker(run_id: int) -> None:
    """Tell a worker that a run waits; when the broker is down, the next tick after it is back does."""
    # Only here, as Celery takes a tenth of a second to load, and a sync in the foreground wakes nobody.
    from directory.scheduling import queues  # noqa: PLC0415

    try:
        queues.put("directory.tasks.carry_out_run", queue="sync", run_id=run_id)
    except queues.BrokerUnavailable as error:
        log.warning("run %s waits: the broker can't be reached (%s)", run_id, error)
        # For the run's page, until a worker takes the run up and stores its own phase.
        Run.objects.filter(pk=run_id, state=RunState.QUEUED).update(phase="the broker can't be reached")


def apply_plan(*, run: Run, by: Actor, at: datetime, wake: bool = True) -> Run:
    """Have exactly the stored plan of a simulated or held-back run applied; a simulation's in a new run.

    Where a server asks for approval, ``by`` is a second administrator. What the run was held back for is settled with
    that, and its alert dismissed.

    Raises:
        Refused: when there is no plan to apply, it is older than 24 hours, another plan has been applied or the
            configuration has changed since, it passes a limit by now, or it takes someone else to
            apply it.
    """
    close_dead(at=at)
    with transaction.atomic():
        stored = Run.objects.select_for_update().get(pk=run.pk)
        # Locked first and looked at afterwards: of two undos of one run at once, the second sees the first.
        list(Run.objects.select_for_update().filter(undos=stored).values_list("pk"))
        refuse_unless_applicable(run=stored, by=by, at=at)
        applied = _same_plan_in_a_new_run(stored, by, at) if stored.state == RunState.PLANNED else stored
        own = applied.readings.filter(server__isnull=False)
        if RunServer.objects.filter(server__in=own.values("server"), live=True).exclude(run=applied).exists():
            raise Refused(who_holds(stored.servers.all()))
        try:
            with transaction.atomic():
                applied.readings.filter(server__isnull=False).update(live=True)
        except IntegrityError as error:
            raise Refused(who_holds(stored.servers.all())) from error
        # Once more, as no other run can be at its servers from here on.
        _refuse_void(stored)
        applied.state, applied.attempts, applied.lease_until = RunState.APPLYING, 0, None
        # The worker that held the run back may still be at its mail: it is in charge no more.
        applied.fence += 1
        applied.approved_by_id, applied.approved_by_label, applied.approved_at = by.user_id, by.label, at
        applied.applied_after = Run.objects.aggregate(newest=Max("pk"))["newest"]
        applied.finished_at, applied.cancel_requested = None, False
        applied.trigger = Trigger.HAND if wake else Trigger.COMMAND
        applied.save()
        _dismiss_alerts(stored, by=by, at=at)
        _note(applied, "plan applied", by=by, at=at)
    if wake:
        transaction.on_commit(lambda: wake_worker(applied.pk))
    return applied


def refuse_unless_applicable(*, run: Run, by: Actor, at: datetime) -> None:
    """Refuse a plan that can't be applied, or not by this one.

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
    approval.refuse_unless_second(run=run, by=by)


def why_not_applicable(*, run: Run, by: Actor, at: datetime) -> str:
    """Return why this one can't apply the run's plan now; empty when they can."""
    try:
        refuse_unless_applicable(run=run, by=by, at=at)
    except Refused as reason:
        return str(reason)
    return ""


def _refuse_a_second_undo(run: Run, undone: Run) -> None:
    """An undo reads no server, so the servers' configuration does not matter to it."""
    if (standing := undone.standing_undo()) is not None:
        raise Refused(f"run {undone.pk} has been undone by run {standing.pk} already")
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
        if reading.asked_digest not in {"", digests.get(reading.server.pk)}:
            raise Refused(
                f"which orgs ask {reading.server_name}, or which other LDAP servers they ask, has changed since the plan "
                "was made: simulate again"
            )
        if reading.complete and reading.server.grants_digest != reading.grants_digest:
            raise Refused(f"what {reading.server_name} may grant has changed since the plan was made: simulate again")


def _refuse_beyond_a_limit(run: Run, at: datetime) -> None:
    """Limits may have been lowered since the plan was made; whatever else was applied meanwhile counts, too."""
    if reasons := limit_review.passed_by_now(run, at=at):
        raise Refused(
            f"the plan of run {run.pk} passes a limit by now: {reasons[0].message.removesuffix('.')}: simulate again"
        )


def _same_plan_in_a_new_run(simulation: Run, by: Actor, at: datetime) -> Run:
    """Return a run that has everything of the plan but its changes: whoever carries the run out copies these first."""
    run = Run.objects.create(
        simulated=False,
        state=RunState.APPLYING,
        trigger=simulation.trigger,
        started_by_id=by.user_id,
        started_by_label=by.label,
        plan_from=simulation,
        chosen_servers=simulation.chosen_servers,
        incremental=simulation.incremental,
        created_at=at,
        started_at=at,
        planned_at=simulation.planned_at,
        counts=simulation.counts,
        org_counts=simulation.org_counts,
        held_back=simulation.held_back,
        undo_of=simulation.undo_of,
        approval=simulation.approval,
        warnings=simulation.warnings,
        incomplete=simulation.incomplete,
        unknown_orgs=simulation.unknown_orgs,
        surroundings=simulation.surroundings,
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
        _note(run, "plan discarded", by=by, at=at)
    return run


def _dismiss_alerts(run: Run, *, by: Actor, at: datetime) -> None:
    """A plan that somebody has decided on needs no alert any more."""
    waiting = Alert.objects.open().filter(run_id=run.pk, kind__in=[AlertKind.HELD_BACK, AlertKind.APPROVAL])
    waiting.update(dismissed_at=at, dismissed_by_id=by.user_id)


def cancel(*, run: Run, by: Actor, at: datetime) -> Run:
    """Ask a run to stop: at once when it waits, else at its next step; what is applied by then stays.

    Raises:
        Refused: when the run has ended.
    """
    with transaction.atomic():
        stored = Run.objects.select_for_update().get(pk=run.pk)
        if not stored.live:
            raise Refused(f"run {stored.pk} has ended: it is {stored.get_state_display()}")
        stored.cancel_requested = True
        if stored.state == RunState.QUEUED and stored.lease_until is None:
            stored.state, stored.finished_at = RunState.CANCELLED, at
            stored.readings.update(live=False)
        stored.save(update_fields=["cancel_requested", "state", "finished_at"])
        _note(stored, "cancel asked for", by=by, at=at)
    return stored


def close_dead(*, at: datetime) -> int:
    """End the runs whose workers died again and again, or with nobody left to take over; return how many.

    A run on the command line belongs to its process: when that is gone, nobody takes over.
    """
    abandoned = Run.objects.abandoned()
    foreground = Q(trigger=Trigger.COMMAND) & (Q(attempts__gt=0) | Q(begins__lt=at - FOREGROUND_STARTS_WITHIN))
    dead = abandoned.annotate(begins=Coalesce("approved_at", "created_at")).filter(
        Q(attempts__gte=MAX_ATTEMPTS) | foreground
    )
    closed = sum(finishing.close_dead(run, at=at) for run in dead)
    # Whatever has ended holds nothing, however it ended.
    RunServer.objects.filter(live=True).exclude(run__state__in=LIVE_STATES).update(live=False)
    return closed
