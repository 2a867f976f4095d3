"""The order of a run: read, plan, review, apply, finish."""

from __future__ import annotations

from directory.models import RunState
from directory.scripts.distributed.dispatcher import NO_WORKERS, WorkerPool
from directory.sync import lease, run_context
from directory.sync.apply import apply_stage
from directory.sync.finish import finish_stage, holding_back, run_log
from directory.sync.lease import Clock, Progress, ignore_progress
from directory.sync.plan import plan_stage
from directory.sync.read import read_stage
from directory.sync.review import review_stage
from directory.sync.run_context import RunContext
from directory.sync.run_interruptions import Cancelled, SyncStopped
from directory.sync.undo import undo_stage


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
            finish_stage.failed(run_context.load(run_id, claimed), str(stopped))
        except Cancelled:
            finish_stage.cancelled(run_context.load(run_id, claimed))


def _carry_out(context: RunContext) -> None:
    if finish_stage.only_the_end_is_missing(context.run):
        return finish_stage.resume(context)
    if context.run.state == RunState.APPLYING:
        run_log.write_application_begins(context)
        return _apply(context)
    if context.run.undo_of is not None:
        undo_stage.make_plan(context)
        return finish_stage.planned(context)
    return _sync(context)


def _sync(context: RunContext) -> None:
    run_log.write_sync_begins(context)
    read = read_stage.read_servers(context)
    run_log.write_orgs_begin(context)
    counts = plan_stage.make_plan(context, read)
    reasons = review_stage.reasons_to_stop(context, read, counts)
    if context.run.simulated:
        return finish_stage.planned(context)
    if reasons:
        return holding_back.hold_back(context, reasons)
    context.lease.save(state=RunState.APPLYING)
    return _apply(context)


def _apply(context: RunContext) -> None:
    apply_stage.copy_plan(context)
    apply_stage.apply_plan(context)
    finish_stage.applied(context)
