"""Applies a stored plan, batch by batch, and notes by which entries its users were found."""

from __future__ import annotations

import logging
import time

from django.db import connection, transaction

from directory.models import KnownId, Match
from directory.sync import report, timing
from directory.sync.apply import apply_changes
from directory.sync.plan import absence_grace, directory_view, plan_context, users_in_scope
from directory.sync.read import match_fingerprint
from directory.sync.run_context import RunContext
from directory.sync.stored import plan_rows
from directory.values.plan import Outcome
from orgs.bulk import refresh_statistics
from orgs.models import AuditEntry, RoleGrant

log = logging.getLogger("rollcall.sync")

BATCH = 500
# While a transaction is open on SQLite, nobody else can write, and who waits only looks every tenth of a second: so
# shorter ones there, with a pause after each that lets the others in.
BATCH_SQLITE = 200
PAUSE_SQLITE = 0.06


def copy_plan(context: RunContext) -> None:
    """Make the plan of another run this run's own, wholly or not at all; does nothing where that has been done."""
    with timing.step("copying the plan"):
        source_id = context.run.plan_from_id
        if source_id is None or context.run.changes.exists():
            return
        context.lease.renew(phase="copying the plan", done=0)
        with transaction.atomic():
            copied = plan_rows.copy_plan(source_id=source_id, target_id=context.run.pk)
            # At the end: who is not in charge of the run any more copies nothing, and the lease can be renewed meanwhile.
            context.lease.save(total=copied)


def apply_plan(context: RunContext) -> None:
    """Make the stored changes, batch by batch, each in one transaction that this worker must still be in charge of."""
    with timing.step("applying"):
        undone = context.run.undo_of
        if undone is not None:
            log.info(report.undoing(context.run.pk, undone.pk, simulated=False))
        total = context.run.stored_changes.count()
        done = _apply_batches(context, total)
        # Where users are in the directory is not for an undo to say.
        if undone is None:
            _note_matches(context, done=done, total=total)
            refresh_statistics(Match, KnownId, RoleGrant, AuditEntry)


def _apply_batches(context: RunContext, total: int) -> int:
    """Return how many changes were made, or could not be made, by this worker or those before it."""
    terms = apply_changes.Terms(
        by=context.actor,
        load=lambda ids: users_in_scope.load(ids, lock=True),
        relied=plan_context.relied_on(context),
        with_devices=context.settings.reactivate_devices,
    )
    done = context.run.stored_changes.exclude(outcome=Outcome.PLANNED).count()
    size = min(BATCH, BATCH_SQLITE) if connection.vendor == "sqlite" else BATCH
    last = 0
    while waiting := apply_changes.waiting(context.run.pk, size=size, after=last):
        with transaction.atomic():
            context.lease.renew(phase="applying", done=done, total=total)
            apply_changes.batch(waiting, terms=terms, now=plan_context.now(context, waiting), at=context.lease.clock())
            context.lease.got_further()
        done, last = done + len(waiting), max(row.pk for row in waiting[:size])
        if connection.vendor == "sqlite" and len(waiting) >= size:
            time.sleep(PAUSE_SQLITE)
    return done


def _note_matches(context: RunContext, *, done: int, total: int) -> None:
    """Note by which entries the users of the plan were found, and who has been absent, in one transaction."""
    with timing.step("noting matches"), transaction.atomic():
        context.lease.renew(phase="noting matches", done=done, total=total)
        at, run_id = context.lease.clock(), context.run.pk
        plan_id = context.run.plan_from_id or run_id
        foreseen = match_fingerprint.foresee(
            context.readings, context.orgs_by_server, plan_id=plan_id, run_id=run_id, at=at
        )
        directory_view.remember_matches(plan_id=plan_id, run_id=run_id, at=at)
        match_fingerprint.follow(foreseen, noted_at=at)
        absence_grace.remember(context.run, at=context.lease.clock())
