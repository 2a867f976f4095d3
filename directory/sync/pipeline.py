"""The order of a run: read, plan, review, apply, finish."""

from __future__ import annotations

from directory.models import RunState
from directory.scripts.distributed.dispatcher import NO_WORKERS, WorkerPool
from directory.sync import lease, run_context
from directory.sync.apply import applying
from directory.sync.errors import Cancelled, SyncStopped
from directory.sync.finish import finishing, holding_back, run_log
from directory.sync.lease import Clock, Progress, ignore_progress
from directory.sync.plan import planning
from directory.sync.read import reading
from directory.sync.review import reviewing
from directory.sync.run_context import RunContext
from directory.sync.undo import undo_planning


def execute(
    run_id: int, *, clock: Clock, progress: Progress = ignore_progress, workers: WorkerPool = NO_WORKERS
) -> None:
    """Carry one run from its present state to its end; does nothing if another worker works on it.

    ``workers`` are the other workers that can evaluate batches for it.
    """
    with lease.acquired(run_id, clock=clock, progress=progress) as claimed:
        if claimed is None:
            return
        try:
            _carry_out(run_context.load(run_id, claimed, workers))
        except SyncStopped as stopped:
            finishing.failed(run_context.load(run_id, claimed), str(stopped))
        except Cancelled:
            finishing.cancelled(run_context.load(run_id, claimed))


def _carry_out(context: RunContext) -> None:
    if finishing.only_the_end_is_missing(context.run):
        return finishing.resume(context)
    if context.run.state == RunState.APPLYING:
        run_log.write_application_begins(context)
        return _apply(context)
    if context.run.undo_of is not None:
        undo_planning.make_plan(context)
        return finishing.planned(context)
    return _sync(context)


def _sync(context: RunContext) -> None:
    run_log.write_sync_begins(context)
    read = reading.read_servers(context)
    run_log.write_orgs_begin(context)
    counts = planning.make_plan(context, read)
    reasons = reviewing.reasons_to_stop(context, read, counts)
    if context.run.simulated:
        return finishing.planned(context)
    if reasons:
        return holding_back.hold_back(context, reasons)
    context.lease.save(state=RunState.APPLYING)
    return _apply(context)


def _apply(context: RunContext) -> None:
    applying.copy_plan(context)
    applying.apply_plan(context)
    finishing.applied(context)
