"""Decides which stored plans are void: another plan for one of their servers has been applied since."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from directory.models import Run, RunServer, RunState


def overtaken_by(run: Run) -> RunServer | None:
    """Return the newest reading, with its run, whose plan was applied to one of this plan's servers since this plan was made.

    Return None when there is none. An older plan that was applied since counts, too: it stored immutable ids, by which this
    plan might have matched other people. When a new run applies a plan, the plan is as old as the run that read the
    directory for it. An undo reads nothing: it neither overtakes nor is overtaken.
    """
    if run.undo_of_id is not None:
        return None
    applied = RunServer.objects.filter(complete=True, run__state=RunState.APPLIED, run__simulated=False)
    age = run.plan_from_id or run.pk
    later = applied.filter(applied_since(age), server__in=_read(run)).exclude(Q(run=run) | Q(run__plan_from=run))
    return later.select_related("run").order_by("-run_id").first()


def applied_since(age: int | OuterRef) -> Q:
    """Return a condition for readings whose plan was applied after the run with this id made its plan."""
    return Q(run__gt=age) | Q(run__applied_after__gte=age)


def held_back_before(run: Run) -> QuerySet[Run]:
    """Return the earlier held-back runs all of whose servers this run has read completely since."""
    mine = _read(run)
    readings = RunServer.objects.filter(run=OuterRef("pk"), complete=True, server__isnull=False)
    older = Run.objects.filter(state=RunState.HELD_BACK, undo_of=None, pk__lt=run.plan_from_id or run.pk)
    return older.filter(Exists(readings.filter(server__in=mine)), ~Exists(readings.exclude(server__in=mine)))


def _read(run: Run) -> QuerySet[RunServer, int | None]:
    return RunServer.objects.filter(run=run, complete=True, server__isnull=False).values_list("server", flat=True)
