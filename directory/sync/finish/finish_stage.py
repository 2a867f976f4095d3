"""Ends a run: as planned, applied, failed or cancelled, with its counts, log lines, alerts and mails."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from directory import void_plans
from directory.models import MailKind, Run, RunState
from directory.sync import alerts_and_mails, lease, run_context, run_stopwatch, run_texts
from directory.sync.finish import run_log, run_mails
from directory.sync.review import applied_counts
from directory.sync.run_context import RunContext
from directory.sync.run_interruptions import Cancelled
from directory.sync.stored import plan_rows

log = logging.getLogger("rollcall.sync")


def planned(context: RunContext) -> None:
    """End a simulation whose plan has been stored."""
    with run_stopwatch.step("telling"):
        _finish(context, RunState.PLANNED)


def applied(context: RunContext) -> None:
    """End a run whose plan has been applied."""
    with run_stopwatch.step("telling"):
        plan_rows.settle_counts(context.run)
        _finish(context, RunState.APPLIED)


def only_the_end_is_missing(run: Run) -> bool:
    """Return whether a worker was killed while it ended this run, with all other stages done."""
    return run_log.half_written(run)


def resume(context: RunContext) -> None:
    """Go on with the end of a run whose worker was killed while it ended the run.

    Raises:
        Cancelled: somebody has cancelled the run before all changes were applied.
    """
    if context.run.simulated:
        planned(context)
    elif context.run.cancel_requested and plan_rows.any_to_apply(context.run):
        raise Cancelled
    else:
        applied(context)


def failed(context: RunContext, error: str) -> None:
    """End a run that cannot go on; ``error`` is the reason."""
    _stop(context, RunState.FAILED, error)
    run_mails.send(context)


def cancelled(context: RunContext) -> None:
    """End a run that somebody has cancelled."""
    _stop(context, RunState.CANCELLED)
    run_mails.send(context)


def close_dead(run: Run, *, at: datetime) -> bool:
    """End a run that no worker takes over any more; return False if another worker was faster.

    Its mails are stored and sent later: the caller may be answering a request.
    """
    claimed = lease.claim_dead(run.pk, clock=lambda: at)
    if claimed is None:
        return False
    last = f" (the last attempt ended with {run.error})" if run.error else ""
    error = f"The worker died before the run was done{last}; what had been applied by then stays and is listed."
    with lease.kept_alive(claimed):
        _stop(run_context.load(run.pk, claimed), RunState.FAILED, error)
    return True


def _finish(context: RunContext, state: RunState) -> None:
    name = run_texts.name_of(simulated=context.run.simulated, undone=context.run.undo_of_id)
    run_log.write_log(context)
    kind = MailKind.INCOMPLETE if context.run.incomplete else MailKind.SUMMARY
    counts = applied_counts.of(context.run) if state == RunState.APPLIED else {}
    with transaction.atomic():
        context.lease.finish(state)
        applied_counts.store(counts)
        if state == RunState.APPLIED and context.run.undo_of_id is None:
            at = context.lease.clock()
            alerts_and_mails.close_held_back(runs=void_plans.held_back_before(context.run), at=at)
            alerts_and_mails.alert_incomplete(context.run, at=at)
        run_mails.write_mails(context, kind, f"{name} of {context.run.created_at:%Y-%m-%d %H:%M} UTC is done.")
    run_mails.send(context)


def _stop(context: RunContext, state: RunState, error: str = "") -> None:
    """End a run before its time; applied changes stay, and are counted and listed."""
    applying = context.run.state == RunState.APPLYING
    simulated = str(context.run.simulated).lower()
    log.error(
        "DIRSYNC:: %s run:%d simulated:%s %s", state.value.title(), context.run.pk, simulated, run_texts.safe(error)
    )
    left = "What had been applied by then stays and is listed." if applying else "Nobody was changed."
    if applying:
        plan_rows.settle_counts(context.run)
        run_log.write_log(context)
    counts = applied_counts.of(context.run) if applying else {}
    with transaction.atomic():
        context.lease.finish(state, error=error)
        applied_counts.store(counts)
        if state == RunState.FAILED:
            run_mails.write_mails(context, MailKind.FAILED, f"The run failed. {left}", error)
