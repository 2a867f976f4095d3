"""Starts runs, cancels them, and closes runs whose process died."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from directory.input_errors import Refused
from directory.models import LIVE_STATES, LdapServer, Run, RunServer, RunState, Trigger
from directory.org_scope import orgs_in_scope, servers_to_read
from directory.sync.finish import finish_stage
from directory.sync.lease import MAX_ATTEMPTS
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
    """Queue a run of these servers (none: all that orgs use) and of the servers that share an org with them.

    With ``incremental`` the run reads only changes from servers with that setting, where changes are enough. With ``wake``
    a Celery worker is called as soon as the row is committed; without it the caller carries out the run.

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
            note_run(run, "simulation started" if simulated else "sync started", by=by, at=at)
    except ServerHeld as error:
        raise Refused(who_holds(to_read)) from error
    if wake:
        transaction.on_commit(lambda: wake_worker(run.pk))
    return run


class ServerHeld(Exception):
    """Another run holds one of the servers."""


def hold_servers(readings: Sequence[RunServer]) -> None:
    """Store the servers of a new run, which holds them from now on.

    Look first, and ignore conflicts when another run is faster: PostgreSQL would log each conflict as an error.

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
    """Return the row of one server; name and configuration are stored again when the server is read."""
    return RunServer(
        run=run,
        server=server,
        server_name=server.name,
        configuration_digest=server.configuration_digest,
        chosen=not chosen or server.pk in chosen,
    )


def note_run(run: Run, action: str, *, by: Actor, at: datetime) -> None:
    """Write an audit row about a run."""
    note([Fact("run", run.pk, str(run))], action=action, by=by, at=at)


def who_holds(servers: Collection[LdapServer]) -> str:
    """Return a sentence that names the run that holds one of these servers."""
    holding = RunServer.objects.filter(server__in=servers, live=True).select_related("run").first()
    if holding is None:
        return "another run has just started: try again"
    run = holding.run
    return (
        f"run {run.pk} ({run.get_state_display()}, started by {run.started_by_label}) holds {holding.server_name}: "
        "wait for it or cancel it"
    )


def wake_worker(run_id: int) -> None:
    """Call a worker to a waiting run; when the broker is down, the first tick after its return does."""
    # Import here: Celery takes 0.1 seconds to load, and a sync in the foreground calls no worker.
    from directory.scheduling import queues  # noqa: PLC0415

    try:
        queues.put("directory.tasks.carry_out_run", queue="sync", run_id=run_id)
    except queues.BrokerUnavailable as error:
        log.warning("run %s waits: the broker can't be reached (%s)", run_id, error)
        # The run's page shows this until a worker takes the run and stores its own phase.
        Run.objects.filter(pk=run_id, state=RunState.QUEUED).update(phase="the broker can't be reached")


def cancel(*, run: Run, by: Actor, at: datetime) -> Run:
    """Cancel a run: a waiting run ends at once, another one at its next step; changes applied by then stay.

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
        note_run(stored, "cancel asked for", by=by, at=at)
    return stored


def close_dead(*, at: datetime) -> int:
    """Close runs whose workers died too often, and runs that nobody can take over; return how many.

    A run on the command line belongs to its process: when the process is gone, nobody takes the run over.
    """
    abandoned = Run.objects.abandoned()
    foreground = Q(trigger=Trigger.COMMAND) & (Q(attempts__gt=0) | Q(begins__lt=at - FOREGROUND_STARTS_WITHIN))
    dead = abandoned.annotate(begins=Coalesce("approved_at", "created_at")).filter(
        Q(attempts__gte=MAX_ATTEMPTS) | foreground
    )
    closed = sum(finish_stage.close_dead(run, at=at) for run in dead)
    # A run that has ended must hold no server, however it ended.
    RunServer.objects.filter(live=True).exclude(run__state__in=LIVE_STATES).update(live=False)
    return closed
