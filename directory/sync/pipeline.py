"""A sync, in order: read, plan, check the limits, apply, report."""

from __future__ import annotations

import logging
import time

from django.db import connection, transaction

from directory import void_plans
from directory.models import (
    AlertKind,
    KnownId,
    MailKind,
    Match,
    PlannedMatch,
    RunChange,
    RunRepeat,
    RunState,
    StoredEntry,
)
from directory.scripts.distributed.dispatcher import WorkerPool
from directory.sync import lease, notifications, report, run_context, timing
from directory.sync.apply import apply_changes
from directory.sync.errors import Cancelled, Leaving, SyncStopped, TakenOver
from directory.sync.finish import finishing
from directory.sync.identify import unidentified_entries
from directory.sync.lease import Clock, Progress
from directory.sync.plan import absence_grace, directory_view, plan_context, users_in_scope
from directory.sync.plan.planning import make_plan
from directory.sync.read import match_fingerprint
from directory.sync.read.reading import read_servers
from directory.sync.review import applied_counts, approval, limit_review, limits
from directory.sync.run_context import RunContext
from directory.sync.stored import not_checked, plan_rows
from directory.sync.stored.plan_counts import PlanCounts
from directory.sync.undo import undo_planning
from directory.values.plan import Outcome
from directory.values.run_counts import filled
from orgs.bulk import refresh_statistics
from orgs.models import AuditEntry, RoleGrant
from orgs.text import counted

log = logging.getLogger("rollcall.sync")

BATCH = 500
# While a transaction is open on SQLite, nobody else can write, and who waits only looks every tenth of a second: so
# shorter ones there, with a pause after each that lets the others in.
BATCH_SQLITE = 200
PAUSE_SQLITE = 0.06


def ignore_progress(_phase: str, _done: int, _total: int | None) -> None:
    """Follow a run by its row only."""


def execute(
    run_id: int,
    *,
    clock: Clock,
    progress: Progress = ignore_progress,
    workers: WorkerPool = WorkerPool(),  # noqa: B008 - frozen
) -> None:
    """Take one run from the state it is in to its end; does nothing when another worker has it.

    ``workers`` are the other workers that could run scripts for it.
    """
    claimed = lease.claim(run_id, clock=clock, progress=progress)
    if claimed is None:
        return
    with lease.kept_alive(claimed):
        try:
            _to_its_end(run_id, claimed, workers)
        except TakenOver as error:
            log.warning("%s", error)
        except Leaving:
            log.info("run %s is left to the next worker", run_id)
            claimed.release(counted=False)
        except BaseException as error:
            # A bug, a broken database, or the worker is ended: the next one goes on from the rows, at once.
            claimed.release(error)
            raise


def _to_its_end(run_id: int, claimed: lease.Lease, workers: WorkerPool) -> None:
    try:
        _carry_out(run_context.load(run_id, claimed, workers))
    except SyncStopped as stop:
        _stop(run_context.load(run_id, claimed), RunState.FAILED, str(stop))
    except Cancelled:
        _stop(run_context.load(run_id, claimed), RunState.CANCELLED)


def _carry_out(work: RunContext) -> None:
    if finishing.half_written(work.run):
        return _end_again(work)
    if work.run.state != RunState.APPLYING:
        if work.run.undo_of is not None:
            undo_planning.make_plan(work)
            return finish(work, RunState.PLANNED)
        finishing.write_beginning(work.org_ids)
        with timing.step("beginning to read"):
            read_servers(work)
            refresh_statistics(StoredEntry)
        finishing.write_orgs_begin({pk: org.org.name for pk, org in work.scope.items()})
        with timing.step("beginning to plan"):
            plan_counts = make_plan(work)
            refresh_statistics(RunChange, RunRepeat, PlannedMatch)
        with timing.step("limits"):
            reasons = check_limits(work, plan_counts)
        waits = approval.reasons(work.run)
        work.lease.save(approval=waits)
        if work.run.simulated:
            return finish(work, RunState.PLANNED)
        if reasons or waits:
            return hold_back(work, reasons, waits)
        work.lease.save(state=RunState.APPLYING)
    elif work.run.undo_of is None:
        finishing.write_beginning([part["id"] for part in work.run.org_counts])
        finishing.write_orgs_begin({part["id"]: part["name"] for part in work.run.org_counts})
    with timing.step("copying the plan"):
        copy_plan(work)
    with timing.step("applying"):
        apply_plan(work)
    return finish(work, RunState.APPLIED)


def _end_again(work: RunContext) -> None:
    """Go on with the end of a run whose worker was killed there."""
    if work.run.simulated:
        return finish(work, RunState.PLANNED)
    if work.run.cancel_requested and apply_changes.waiting(work.run.pk, size=1):
        raise Cancelled
    return finish(work, RunState.APPLIED)


def check_limits(work: RunContext, plan_counts: PlanCounts) -> list[limits.Reason]:
    """Store the plan's counts and the limits that it passes; a simulation counts and says the same."""
    names = {pk: org.org.name for pk, org in work.scope.items()}
    reasons = limit_review.reasons(work, plan_counts)
    failed = [(row.server_name, row.error) for row in work.readings if not row.complete]
    work.lease.save(
        counts=plan_counts.totals(),
        org_counts=[
            {"id": pk, "name": names[pk], **filled(part)} for pk, part in plan_counts.orgs.items() if pk in names
        ],
        unknown_orgs=dict(plan_counts.unknown_orgs),
        warnings=_warnings(work, plan_counts),
        incomplete=not_checked.to_json(not_checked.summed(plan_counts.unchecked, failed)),
        held_back=[reason.message for reason in reasons],
        surroundings=work.surroundings if apply_changes.waiting(work.run.pk, size=1) else {},
        planned_at=work.lease.clock(),
    )
    return reasons


def _warnings(work: RunContext, plan_counts: PlanCounts) -> list[str]:
    found = [f"{row.server_name}: {row.error}" for row in work.readings if row.error]
    for row in work.readings:
        if row.referrals:
            parts = ", ".join(row.referrals[:5])
            found.append(
                f"{row.server_name}: {counted(len(row.referrals), 'referral was', 'referrals were')} not followed: "
                f"{parts}. Turn “follow referrals” on to read what is there, or put the DN into “referrals left out” where nobody is"
            )
        found += unidentified_entries.warnings(row.server_name, row.counts)
        found += [f"{row.server_name}: {note}" for note in work.notes.get(row.pk, ())]
    if plan_counts.waiting:
        found.append(
            f"{plan_counts.waiting} absent {'user waits' if plan_counts.waiting == 1 else 'users wait'}: see their steps."
        )
    for name, count in sorted(plan_counts.unknown_orgs.items()):
        found.append(f"There is no org {name}: {count} {'user' if count == 1 else 'users'} would be placed there.")
    return found


def hold_back(work: RunContext, reasons: list[limits.Reason], waits: list[str]) -> None:
    """Stop before the first write: say why on the page, as an alert and by mail, and wait for a person."""
    why = " ".join([*(reason.message for reason in reasons), *waits])
    alert, mail = (AlertKind.HELD_BACK, MailKind.HELD_BACK) if reasons else (AlertKind.APPROVAL, MailKind.APPROVAL)
    opening = "Directory sync held back." if reasons else "Directory sync waits for approval."
    if any(reason.deactivations for reason in reasons):
        opening = limits.TOO_MANY
    level, what = (logging.WARNING, "Held back") if reasons else (logging.INFO, "Waiting for approval")
    log.log(level, "DIRSYNC:: %s run:%d, nothing was written. %s %s", what, work.run.pk, opening, report.safe(why))
    finishing.write_log(work)
    with transaction.atomic():
        at = work.lease.clock()
        notifications.raise_alert(kind=alert, message=f"{opening} {why}", run_id=work.run.pk, at=at)
        notifications.alert_incomplete(work.run, at=at)
        work.lease.finish(RunState.HELD_BACK)
        finishing.write_mails(work, mail, f"{opening}\nNothing was written.", why)
    finishing.send(work)


def copy_plan(work: RunContext) -> None:
    """Make the plan of another run this run's own, wholly or not at all; does nothing where that has been done."""
    source_id = work.run.plan_from_id
    if source_id is None or work.run.changes.exists():
        return
    work.lease.renew(phase="copying the plan", done=0)
    with transaction.atomic():
        copied = plan_rows.copy_plan(source_id=source_id, target_id=work.run.pk)
        # At the end: who is not in charge of the run any more copies nothing, and the lease can be renewed meanwhile.
        work.lease.save(total=copied)


def apply_plan(work: RunContext) -> None:
    """Make the stored changes, batch by batch, each in one transaction that this worker must still be in charge of."""
    terms = apply_changes.Terms(
        by=work.actor,
        load=lambda ids: users_in_scope.load(ids, lock=True),
        relied=plan_context.relied_on(work),
        with_devices=work.settings.reactivate_devices,
    )
    if work.run.undo_of is not None:
        log.info(report.undoing(work.run.pk, work.run.undo_of.pk, simulated=False))
    total = work.run.stored_changes.count()
    done = work.run.stored_changes.exclude(outcome=Outcome.PLANNED).count()
    size = min(BATCH, BATCH_SQLITE) if connection.vendor == "sqlite" else BATCH
    last = 0
    while waiting := apply_changes.waiting(work.run.pk, size=size, after=last):
        with transaction.atomic():
            work.lease.renew(phase="applying", done=done, total=total)
            apply_changes.batch(waiting, terms=terms, now=plan_context.now(work, waiting), at=work.lease.clock())
            work.lease.got_further()
        done, last = done + len(waiting), max(row.pk for row in waiting[:size])
        if connection.vendor == "sqlite" and len(waiting) >= size:
            time.sleep(PAUSE_SQLITE)
    if terms.undo:
        # An undo looks nobody up in the directory, so it has no matches to store.
        return
    with timing.step("noting matches"), transaction.atomic():
        work.lease.renew(phase="noting matches", done=done, total=total)
        at = work.lease.clock()
        plan_id, run_id = work.run.plan_from_id or work.run.pk, work.run.pk
        foreseen = match_fingerprint.foresee(work.readings, work.orgs_by_server, plan_id=plan_id, run_id=run_id, at=at)
        directory_view.remember_matches(plan_id=plan_id, run_id=run_id, at=at)
        match_fingerprint.follow(foreseen, noted_at=at)
        absence_grace.remember(work.run, at=work.lease.clock())
    refresh_statistics(Match, KnownId, RoleGrant, AuditEntry)


def finish(work: RunContext, state: RunState) -> None:
    """End the run and tell what it did, in the log, on the page and by mail."""
    with timing.step("telling"):
        _finish(work, state)


def _finish(work: RunContext, state: RunState) -> None:
    name = report.name_of(simulated=work.run.simulated, undone=work.run.undo_of_id)
    if state == RunState.APPLIED:
        plan_rows.settle_counts(work.run)
    finishing.write_log(work)
    kind = MailKind.INCOMPLETE if work.run.incomplete else MailKind.SUMMARY
    applied = applied_counts.of(work.run) if state == RunState.APPLIED else {}
    with transaction.atomic():
        work.lease.finish(state)
        applied_counts.store(applied)
        if state == RunState.APPLIED and work.run.undo_of_id is None:
            notifications.close_held_back(runs=void_plans.held_back_before(work.run), at=work.lease.clock())
            notifications.alert_incomplete(work.run, at=work.lease.clock())
        finishing.write_mails(work, kind, f"{name} of {work.run.created_at:%Y-%m-%d %H:%M} UTC is done.")
    finishing.send(work)


def _stop(work: RunContext, state: RunState, error: str = "") -> None:
    finishing.stop(work, state, error)
    finishing.send(work)
