"""Writes the log lines of a run: how it begins, what becomes of each org and user, and the summary."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from directory.models import Run, RunState
from directory.sync import report
from directory.sync.run_context import RunContext
from directory.sync.stored import not_checked, serialization
from directory.values.plan import Action, Change, Outcome
from directory.values.run_counts import filled
from orgs.loglines import LogLines

log = logging.getLogger("rollcall.sync")
log_of_orgs = logging.getLogger("rollcall.sync.orgs")
log_of_history = logging.getLogger("rollcall.sync.history")

Values = Mapping[str, Any]

# The last step before a run ends, as its row names it; ``done`` counts the changes that have their lines.
WRITING = "writing the log"
CHUNK = 500
# At the end of lines that may have been written once before, by a worker that was killed in between.
REPEATED = " repeated:true"


def write_sync_begins(context: RunContext) -> None:
    """Write the line that opens a sync."""
    log.info(report.submitting(context.org_ids))


def write_orgs_begin(context: RunContext) -> None:
    """Write the line that opens each org, as its users are about to be decided about."""
    _write_orgs({pk: org.org.name for pk, org in context.scope.items()})


def write_application_begins(context: RunContext) -> None:
    """Write the lines that open a sync whose stored plan is about to be applied; an undo has a line of its own."""
    if context.run.undo_of is None:
        log.info(report.submitting([part["id"] for part in context.run.org_counts]))
        _write_orgs({part["id"]: part["name"] for part in context.run.org_counts})


def _write_orgs(names: Mapping[int, str]) -> None:
    for pk, name in names.items():
        log_of_orgs.info(report.running(pk, name))


def half_written(run: Run) -> bool:
    """Return whether a worker was killed while it wrote the log lines of a run that had done everything else."""
    return run.phase == WRITING and (run.simulated or run.state == RunState.APPLYING)


def write_log(context: RunContext) -> None:
    """Write the log lines of a run that is about to end; after a crash this goes on where it stopped."""
    run = context.run
    run.refresh_from_db()
    again = half_written(run)
    done, mark = (run.done, REPEATED) if again else (0, "")
    context.lease.save(phase=WRITING, done=done, total=None)
    if not done:
        for part in run.org_counts:
            log_of_orgs.info("%s%s", report.completed(part["id"], part["name"], part), mark)
        for each in not_checked.from_json(run.incomplete):
            log.warning("%s%s", report.incomplete(each, simulated=run.simulated), mark)
        log.info("%s%s", report.summary(context.org_ids, filled(run.counts), simulated=run.simulated), mark)
    author = report.subject(context.actor.user_id, context.actor.label, context.actor.org_id)
    outcome = Outcome.PLANNED if run.simulated else Outcome.APPLIED
    changes = run.stored_changes.filter(outcome=outcome, user__isnull=False).in_order()
    last = changes.values_list("pk", flat=True)[done - 1] if done else 0
    columns = ("pk", "user_id", "before", "after", "actions")
    while page := list(changes.filter(pk__gt=last).values_list(*columns)[:CHUNK]):
        lines = [
            f"{line}{mark}"
            for _, *columns_of_one in page
            for line in report.history(_change(*columns_of_one), author=author, simulated=run.simulated)
        ]
        if lines:
            log_of_history.info(LogLines(lines))
        last, done, mark = page[-1][0], done + len(page), ""
        context.lease.save(done=done)


def _change(user_id: int, before: Values, after: Values, actions: Iterable[str]) -> Change:
    """Return as much of a stored change as its log lines tell."""
    return Change(
        user_id=user_id,
        outcome=Outcome.PLANNED,
        before=serialization.account_from_json(before),
        after=serialization.account_from_json(after),
        steps=(),
        actions=tuple(map(Action, actions)),
    )
