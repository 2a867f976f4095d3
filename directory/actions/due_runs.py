"""Starts the runs that are due, and computes when each server is due."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db.models import Max

from directory.actions import run_start_and_cancel
from directory.input_errors import Refused
from directory.models import LdapServer, Run, RunServer, SyncSettings, Trigger
from directory.org_scope import orgs_in_scope, servers_to_read
from directory.scheduling import timetable
from orgs.rules.actors import SYSTEM

log = logging.getLogger("rollcall.sync")


def start_due(*, at: datetime) -> Run | None:
    """Start one real run of all servers that are due; None when no server is due, or when the run can't start now."""
    settings = _settings(at)
    timetables = _timetables(settings)
    ids = timetable.due(timetables, since=settings.interval_since or at, now=at)
    servers = list(LdapServer.objects.filter(pk__in=ids).in_order())
    if not servers:
        return None
    try:
        return run_start_and_cancel.start(
            servers=servers, simulated=False, trigger=Trigger.SCHEDULE, by=SYSTEM, at=at, incremental=True
        )
    except Refused as reason:
        log.info("the scheduled run waits: %s", reason)
        return None


def timetables(*, at: datetime) -> tuple[list[timetable.Timetable], datetime]:
    """Return the timetables of the servers that orgs use, and the moment from which their intervals count."""
    settings = _settings(at)
    return _timetables(settings), settings.interval_since or at


def next_runs(*, at: datetime) -> dict[int, datetime]:
    """Return when each server that orgs use is due next, by id, without servers that are never due."""
    settings = _settings(at)
    since = settings.interval_since or at
    times_of_servers = {row.server_id: timetable.next_run(row, since=since) for row in _timetables(settings)}
    return {pk: when for pk, when in times_of_servers.items() if when is not None}


def wake_abandoned(*, at: datetime) -> int:
    """Call workers to all runs that wait or lost their worker; return how many."""
    run_start_and_cancel.close_dead(at=at)
    waiting = list(Run.objects.abandoned().exclude(trigger=Trigger.COMMAND).values_list("pk", flat=True))
    for run_id in waiting:
        run_start_and_cancel.wake_worker(run_id)
    return len(waiting)


def _settings(at: datetime) -> SyncSettings:
    """Return the settings; intervals count from the first call, so that a new installation does not sync at once."""
    settings = SyncSettings.load()
    if settings.interval_since is None:
        SyncSettings.objects.filter(pk=1, interval_since=None).update(interval_since=at)
        settings.refresh_from_db()
    return settings


def _timetables(settings: SyncSettings) -> list[timetable.Timetable]:
    used = [server.pk for server in servers_to_read((), orgs_in_scope().values())]
    # A server that was read only because a neighbour was due had no run of its own.
    real = RunServer.objects.filter(server__in=used, run__simulated=False, chosen=True)
    last_runs = dict(real.values_list("server_id").annotate(Max("run__created_at")))
    return [
        timetable.Timetable(
            server_id=server.pk,
            interval_hours=settings.interval_hours
            if server.sync_interval_hours is None
            else server.sync_interval_hours,
            last_run=last_runs.get(server.pk),
        )
        for server in LdapServer.objects.filter(pk__in=used)
    ]
