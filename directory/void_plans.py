"""Says which stored plans are void: another plan for one of their servers has been applied since."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from directory.models import Run, RunServer, RunState


def overtaken_by(run: Run) -> RunServer | None:
    """Return the newest application of a plan for one of this plan's servers since it was made, with its run; None for none.

    That of an older plan counts, too: by the immutable ids that it has noted this one might have found other people. A
    plan that was applied in a run of its own is as old as the run that read the directory for it. An undo reads
    nothing: it neither overtakes nor is overtaken.
    """
    if run.undo_of_id is not None:
        return None
    applied = RunServer.objects.filter(complete=True, run__state=RunState.APPLIED, run__simulated=False)
    age = run.plan_from_id or run.pk
    later = applied.filter(applied_since(age), server__in=_read(run)).exclude(Q(run=run) | Q(run__plan_from=run))
    return later.select_related("run").order_by("-run_id").first()


def applied_since(age: int | OuterRef) -> Q:
    """Return which readings are of plans that were applied after the run with this id had made its own."""
    return Q(run__gt=age) | Q(run__applied_after__gte=age)


def held_back_before(run: Run) -> QuerySet[Run]:
    """Return the held-back runs whose every server this run has read to its end after them."""
    mine = _read(run)
    readings = RunServer.objects.filter(run=OuterRef("pk"), complete=True, server__isnull=False)
    older = Run.objects.filter(state=RunState.HELD_BACK, undo_of=None, pk__lt=run.plan_from_id or run.pk)
    return older.filter(Exists(readings.filter(server__in=mine)), ~Exists(readings.exclude(server__in=mine)))


def _read(run: Run) -> QuerySet[RunServer, int | None]:
    return RunServer.objects.filter(run=run, complete=True, server__isnull=False).values_list("server", flat=True)
