"""Writes the log lines of a run: its beginning, each org, each changed user, and the summary."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from directory.models import Run, RunState
from directory.sync import run_texts
from directory.sync.run_context import RunContext
from directory.sync.stored import not_checked, plan_json
from directory.values.plan import Action, Change, Outcome
from directory.values.run_counts import filled
from orgs.log_lines import LogLines

log = logging.getLogger("rollcall.sync")
log_of_orgs = logging.getLogger("rollcall.sync.orgs")
log_of_history = logging.getLogger("rollcall.sync.history")

Values = Mapping[str, Any]

# The phase in a run's row while its log is written; ``done`` then counts the changes that have their lines.
WRITING = "writing the log"
CHUNK = 500
# Ends a line that a killed worker may have written before.
REPEATED = " repeated:true"


class ChangeRow(NamedTuple):
    """The columns of a stored change that its log lines show."""

    pk: int
    user_id: int
    before: Values
    after: Values
    actions: Sequence[str]


def write_sync_begins(context: RunContext) -> None:
    """Write the line that opens a sync."""
    log.info(run_texts.submitting(context.org_ids))


def write_orgs_begin(context: RunContext) -> None:
    """Write the line that opens each org, before its users are decided."""
    _write_orgs({pk: org.org.name for pk, org in context.scope.items()})


def write_application_begins(context: RunContext) -> None:
    """Write the lines that open a sync, before its stored plan is applied; an undo has a line of its own."""
    if context.run.undo_of is None:
        log.info(run_texts.submitting([part["id"] for part in context.run.org_counts]))
        _write_orgs({part["id"]: part["name"] for part in context.run.org_counts})


def _write_orgs(names: Mapping[int, str]) -> None:
    for pk, name in names.items():
        log_of_orgs.info(run_texts.running(pk, name))


def half_written(run: Run) -> bool:
    """Return whether a worker was killed while it wrote the log lines of this run, with all other stages done."""
    return run.phase == WRITING and (run.simulated or run.state == RunState.APPLYING)


def write_log(context: RunContext) -> None:
    """Write the log lines of a run before it ends; after a crash, go on where the last worker stopped."""
    run = context.run
    run.refresh_from_db()
    again = half_written(run)
    done, mark = (run.done, REPEATED) if again else (0, "")
    context.lease.save(phase=WRITING, done=done, total=None)
    if not done:
        for part in run.org_counts:
            log_of_orgs.info("%s%s", run_texts.completed(part["id"], part["name"], part), mark)
        for each in not_checked.from_json(run.incomplete):
            log.warning("%s%s", run_texts.incomplete(each, simulated=run.simulated), mark)
        log.info("%s%s", run_texts.summary(context.org_ids, filled(run.counts), simulated=run.simulated), mark)
    author = run_texts.subject(context.actor.user_id, context.actor.label, context.actor.org_id)
    outcome = Outcome.PLANNED if run.simulated else Outcome.APPLIED
    changes = run.stored_changes.filter(outcome=outcome, user__isnull=False).in_order()
    last = changes.values_list("pk", flat=True)[done - 1] if done else 0
    columns = ChangeRow._fields
    while page := list(map(ChangeRow._make, changes.filter(pk__gt=last).values_list(*columns)[:CHUNK])):
        lines = [
            f"{line}{mark}"
            for row in page
            for line in run_texts.history(_change(row), author=author, simulated=run.simulated)
        ]
        if lines:
            log_of_history.info(LogLines(lines))
        last, done, mark = page[-1].pk, done + len(page), ""
        context.lease.save(done=done)


def _change(row: ChangeRow) -> Change:
    """Return the part of a stored change that its log lines need."""
    return Change(
        user_id=row.user_id,
        outcome=Outcome.PLANNED,
        before=plan_json.account_from_json(row.before),
        after=plan_json.account_from_json(row.after),
        steps=(),
        actions=tuple(map(Action, row.actions)),
    )
