"""Counts the absences of each user, and names the users whose absence grace is not over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import F

from directory import void_plans
from directory.models import Absence, LdapServer, Run, RunServer, StoredEntry
from directory.org_scope import orgs_in_scope
from directory.values.plan import Cause, Outcome
from orgs.text import counted


def waiting(
    absent: Mapping[int, Collection[int]], servers: Mapping[int, LdapServer], *, at: datetime
) -> dict[int, str]:
    """Return the users whose absence grace is not over, with the reason; the longest grace of their servers counts.

    ``absent`` maps user ids to the ids of the servers of their org.
    """
    before = {row.user_id: row for row in Absence.objects.filter(user__among=absent)}
    reasons = {}
    for user, server_ids in absent.items():
        of_org = [servers[pk] for pk in server_ids if pk in servers]
        runs = max((server.absence_runs for server in of_org), default=1)
        hours = max((server.absence_hours for server in of_org), default=0)
        absence = before.get(user)
        reason = _too_early(1 + (absence.runs if absence else 0), absence.since if absence else at, runs, hours, at)
        if reason:
            reasons[user] = reason
    return reasons


def _too_early(absences: int, since: datetime, runs: int, hours: int, at: datetime) -> str:
    reasons = []
    if absences < runs:
        reasons.append(f"absent in {absences} of the {counted(runs, 'sync', 'syncs')} in a row that it takes")
    if hours and at - since < timedelta(hours=hours):
        reasons.append(f"absent since {since:%Y-%m-%d %H:%M} UTC, and it takes {counted(hours, 'hour', 'hours')}")
    return " and ".join(reasons)


def remember(run: Run, *, at: datetime) -> None:
    """Count this run's absences once, and forget those of users who were found; safe to call twice."""
    Absence.objects.exclude(user__org__in=orgs_in_scope()).delete()
    if void_plans.overtaken_by(run) is not None:
        # A newer plan was applied, so these absences are out of date.
        return
    readings = RunServer.objects.filter(run=run)
    if readings.exclude(since={}).exists():
        # An incremental reading proves no absence, but a user with an entry is present.
        entries = StoredEntry.objects.filter(server__in=readings.values("server"), user__isnull=False)
        Absence.objects.filter(user__in=entries.values("user")).delete()
        return
    changes = run.changes.filter(user__isnull=False)
    # Every user in scope who was decided without an entry has a row in the plan. All others have an entry.
    missed, found = changes.filter(entry__isnull=True), changes.filter(entry__isnull=False)
    planned_for = [part["id"] for part in Run.objects.values_list("org_counts", flat=True).get(pk=run.pk)]
    Absence.objects.filter(user__org__in=planned_for).exclude(user__in=missed.values("user")).delete()
    # The plan has moved some of the found users to orgs outside its scope.
    Absence.objects.filter(user__in=found.values("user")).delete()
    gone = changes.filter(outcome=Outcome.APPLIED, cause=Cause.ABSENT)
    Absence.objects.filter(user__in=gone.values("user")).delete()
    absent = changes.filter(outcome=Outcome.WAITING)
    earlier = Absence.objects.filter(user__in=absent.values("user")).exclude(last_run=run.pk)
    earlier.update(runs=F("runs") + 1, last_run=run.pk)
    new = absent.exclude(user__in=Absence.objects.values("user")).values_list("user", flat=True)
    Absence.objects.bulk_create([Absence(user_id=pk, since=at, runs=1, last_run=run.pk) for pk in new], batch_size=500)
