"""Says which stored plans are void: a later complete reading of one of their servers has been applied since."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from directory.models import Run, RunServer, RunState


def overtaken_by(run: Run) -> RunServer | None:
    """Return the newest reading of a server of this plan that a later run has applied, with its run; None for none.

    A plan that was applied in a run of its own is as old as the run that read the directory for it. An undo reads
    nothing: it neither overtakes nor is overtaken.
    """
    if run.undo_of_id is not None:
        return None
    applied = RunServer.objects.filter(complete=True, run__state=RunState.APPLIED, run__simulated=False)
    later = applied.annotate(read_by=Coalesce("run__plan_from", F("run"))).filter(
        server__in=_read(run), read_by__gt=run.plan_from_id or run.pk
    )
    return later.select_related("run").order_by("-read_by", "-run").first()


def held_back_before(run: Run) -> QuerySet[Run]:
    """Return the held-back runs whose every server this run has read to its end after them."""
    mine = _read(run)
    readings = RunServer.objects.filter(run=OuterRef("pk"), complete=True, server__isnull=False)
    older = Run.objects.filter(state=RunState.HELD_BACK, undo_of=None, pk__lt=run.plan_from_id or run.pk)
    return older.filter(Exists(readings.filter(server__in=mine)), ~Exists(readings.exclude(server__in=mine)))


def _read(run: Run) -> QuerySet[RunServer, int | None]:
    return RunServer.objects.filter(run=run, complete=True, server__isnull=False).values_list("server", flat=True)
