"""Decides how long each kind of row is kept, and which old runs can go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from directory.models import LIVE_STATES, LdapServer, Run, RunServer, RunState


@dataclass(frozen=True, slots=True)
class Retention:
    """The days for which rows are kept; 0 is for ever. Audit entries are kept at least as long as runs, which they explain."""

    runs: int
    audit: int
    mails: int
    alerts: int
    reports: int = 0

    def before(self, days: int, at: datetime) -> datetime | None:
        """Return the moment before which rows are old; None when they are kept for ever."""
        return at - timedelta(days=days) if days else None

    @property
    def audit_days(self) -> int:
        """Days for which audit entries are kept."""
        return max(self.audit, self.runs) if self.audit and self.runs else 0


def chosen() -> Retention:
    """Return what the operator has set."""
    return Retention(
        runs=settings.KEEP_RUNS_DAYS,
        audit=settings.KEEP_AUDIT_DAYS,
        mails=settings.KEEP_MAILS_DAYS,
        alerts=settings.KEEP_ALERTS_DAYS,
        reports=settings.KEEP_REPORTS_DAYS,
    )


def old_runs(before: datetime, *, whole: bool = False) -> list[int]:
    """Return the ids of old runs that nothing needs any more: whole runs first, then those of which changes were removed last.

    With ``whole`` return only whole runs, of which nothing has been removed yet.
    """
    past = Run.objects.filter(created_at__lt=before).exclude(state__in=[*LIVE_STATES, RunState.HELD_BACK])
    cleared = dict(past.values_list("pk", "cleared_at"))
    old = {pk for pk, when in cleared.items() if not (whole and when)}
    if old:
        old -= _needed()
    # A simulation stays with the run that applies its plan, and an undone run stays with its undo.
    while parts := _parts_of_others(old):
        old -= parts
    return sorted(sorted(old), key=lambda pk: (cleared[pk] is None, cleared[pk] or before), reverse=True)


def _needed() -> set[int]:
    """Return the runs that the next run needs: the newest of each kind for each server."""
    needed: set[int] = set()
    complete = RunServer.objects.filter(complete=True, server__isnull=False).order_by()
    for readings in (
        RunServer.objects.filter(server__isnull=False).order_by(),
        complete,
        complete.filter(run__state=RunState.APPLIED, run__simulated=False),
    ):
        needed |= set(readings.values_list("server").annotate(last=Max("run")).values_list("last", flat=True))
    # A person who changed settings since these runs may not approve a plan.
    newest = RunServer.objects.of_plans_that_changed_somebody().order_by().values("server").annotate(last=Max("pk"))
    needed |= set(RunServer.objects.filter(pk__in=newest.values("last")).values_list("run", flat=True))
    proven = complete.filter(run__state__in=[RunState.PLANNED, RunState.APPLIED])
    for server in LdapServer.objects.all():
        # Without such a run the next one is held back: its configuration was never simulated or applied.
        of_configuration = proven.filter(server=server, configuration_digest=server.configuration_digest)
        needed |= {pk for pk in of_configuration.aggregate(last=Max("run")).values() if pk is not None}
    return needed


def _parts_of_others(old: set[int]) -> set[int]:
    kept = Run.objects.exclude(plan_from=None, undo_of=None).values_list("pk", "plan_from_id", "undo_of_id")
    return {part for pk, *parts in kept if pk not in old for part in parts if part in old}
