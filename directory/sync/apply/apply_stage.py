"""Applies a stored plan, batch by batch, and notes by which entries its users were found."""

from __future__ import annotations

import logging
import time

from django.db import connection, transaction

from directory.models import KnownId, Match
from directory.sync import run_stopwatch, run_texts
from directory.sync.apply import change_batches
from directory.sync.plan import absence_grace, directory_view, precondition_facts, stored_users
from directory.sync.read import match_fingerprint
from directory.sync.run_context import RunContext
from directory.sync.stored import plan_rows
from directory.values.plan import Outcome
from orgs.bulk_writes import refresh_statistics
from orgs.models import AuditEntry, RoleGrant

log = logging.getLogger("rollcall.sync")

BATCH = 500
# On SQLite an open transaction blocks all other writers, and these only look every tenth of a second. So transactions
# are shorter there, with a pause after each that lets the others write.
BATCH_SQLITE = 200
PAUSE_SQLITE = 0.06


def copy_plan(context: RunContext) -> None:
    """Copy the plan of another run into this run, wholly or not at all; does nothing if that was done before."""
    with run_stopwatch.step("copying the plan"):
        source_id = context.run.plan_from_id
        if source_id is None or context.run.changes.exists():
            return
        context.lease.renew(phase="copying the plan", done=0)
        with transaction.atomic():
            copied = plan_rows.copy_plan(source_id=source_id, target_id=context.run.pk)
            # Write the run's row last: a worker that has lost the run copies nothing, and its heartbeat is not blocked
            # by this transaction.
            context.lease.save(total=copied)


def apply_plan(context: RunContext) -> None:
    """Make the stored changes in batches; each is one transaction, which fails if this worker has lost the run."""
    with run_stopwatch.step("applying"):
        undone = context.run.undo_of
        if undone is not None:
            log.info(run_texts.undoing(context.run.pk, undone.pk, simulated=False))
        total = context.run.stored_changes.count()
        done = _apply_batches(context, total)
        # An undo has not read the directory, so it has no matches to note.
        if undone is None:
            _note_matches(context, done=done, total=total)
            refresh_statistics(Match, KnownId, RoleGrant, AuditEntry)


def _apply_batches(context: RunContext, total: int) -> int:
    """Return how many changes have an outcome, from this worker or earlier ones."""
    terms = change_batches.Terms(
        by=context.actor,
        load=lambda ids: stored_users.load(ids, lock=True),
        relied=precondition_facts.relied_on(context),
        with_devices=context.settings.reactivate_devices,
    )
    done = context.run.stored_changes.exclude(outcome=Outcome.PLANNED).count()
    size = min(BATCH, BATCH_SQLITE) if connection.vendor == "sqlite" else BATCH
    last = 0
    while waiting := change_batches.waiting(context.run.pk, size=size, after=last):
        with transaction.atomic():
            context.lease.renew(phase="applying", done=done, total=total)
            change_batches.batch(
                waiting, terms=terms, now=precondition_facts.now(context, waiting), at=context.lease.clock()
            )
            context.lease.got_further()
        done, last = done + len(waiting), max(row.pk for row in waiting[:size])
        if connection.vendor == "sqlite" and len(waiting) >= size:
            time.sleep(PAUSE_SQLITE)
    return done


def _note_matches(context: RunContext, *, done: int, total: int) -> None:
    """Note the matches of the plan, and count the absences, in one transaction."""
    with run_stopwatch.step("noting matches"), transaction.atomic():
        context.lease.renew(phase="noting matches", done=done, total=total)
        at, run_id = context.lease.clock(), context.run.pk
        plan_id = context.run.plan_from_id or run_id
        foreseen = match_fingerprint.foresee(
            context.readings, context.orgs_by_server, plan_id=plan_id, run_id=run_id, at=at
        )
        directory_view.remember_matches(plan_id=plan_id, run_id=run_id, at=at)
        match_fingerprint.follow(foreseen, noted_at=at)
        absence_grace.remember(context.run, at=context.lease.clock())
