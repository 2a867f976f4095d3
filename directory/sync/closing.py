"""Closes a run for its readers: its log lines, its mail; and ends runs before their time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from directory.models import MailKind, Run, RunState
from directory.sync import job, lease, notify, record, report, rows
from directory.sync.job import Job
from directory.sync.tally import filled
from directory.sync.values import Action, Change, Outcome
from orgs.loglines import LogLines

log = logging.getLogger("rollcall.sync")

Values = Mapping[str, Any]

# The last step before a run ends, as its row names it; ``done`` counts the changes that have their lines.
WRITING = "writing the log"
CHUNK = 500
# At the end of lines that may have been written once before, by a worker that was killed in between.
REPEATED = " repeated:true"


def write_mail(work: Job, kind: MailKind, opening: str) -> None:
    """Put the run's mail into the box, in the transaction that ends the run: neither comes without the other."""
    work.run.refresh_from_db()
    run, counts = work.run, filled(work.run.counts)
    body = report.mail_body(
        opening=opening,
        counts=counts,
        org_lines=[report.completed(part["id"], part["name"], part).partition(" for ")[2] for part in run.org_counts],
        warnings=[*run.held_back, *run.approval, *run.warnings],
        address=notify.address_of(run),
    )
    subject = report.mail_subject(kind, simulated=run.simulated, counts=counts, undone=run.undo_of_id)
    notify.write_mail(run=run, kind=kind, subject=subject, body=body, at=work.lease.clock())


def half_written(run: Run) -> bool:
    """Tell whether a worker was killed while it wrote the log lines of a run that had done everything else."""
    return run.phase == WRITING and (run.simulated or run.state == RunState.APPLYING)


def write_log(work: Job) -> None:
    """Write the log lines of a run that is about to end; after a crash this goes on where it stopped."""
    run = work.run
    run.refresh_from_db()
    again = half_written(run)
    done, mark = (run.done, REPEATED) if again else (0, "")
    work.lease.save(phase=WRITING, done=done, total=None)
    if not done:
        for line in _sums(work):
            log.info("%s%s", line, mark)
    author = report.subject(work.actor.user_id, work.actor.label, work.actor.org_id)
    told = Outcome.PLANNED if run.simulated else Outcome.APPLIED
    changes = run.stored_changes.filter(outcome=told, user__isnull=False).in_order()
    last = changes.values_list("pk", flat=True)[done - 1] if done else 0
    columns = ("pk", "user_id", "before", "after", "actions")
    while page := list(changes.filter(pk__gt=last).values_list(*columns)[:CHUNK]):
        lines = [
            f"{line}{mark}"
            for _, *columns_of_one in page
            for line in report.history(_change(*columns_of_one), author=author, simulated=run.simulated)
        ]
        if lines:
            log.info(LogLines(lines))
        last, done, mark = page[-1][0], done + len(page), ""
        work.lease.save(done=done)


def _change(user_id: int, before: Values, after: Values, actions: Iterable[str]) -> Change:
    """Return as much of a stored change as its log lines tell."""
    return Change(
        user_id=user_id,
        outcome=Outcome.PLANNED,
        before=rows.account_from_json(before),
        after=rows.account_from_json(after),
        steps=(),
        actions=tuple(map(Action, actions)),
    )


def _sums(work: Job) -> Iterator[str]:
    for part in work.run.org_counts:
        yield report.completed(part["id"], part["name"], part)
    yield report.summary(work.org_ids, filled(work.run.counts), simulated=work.run.simulated)


def send(work: Job) -> None:
    """Send what waits in the box and say who was told."""
    send_waiting(at=work.lease.clock())
    if not work.run.mails.filter(sent_at__isnull=False).exists():
        log.info(report.mail_sent([], filled(work.run.counts), simulated=work.run.simulated))


def send_waiting(*, at: datetime) -> None:
    """Send the mails that wait and say who was told of which run."""
    for mail in notify.send_waiting(at=at):
        log.info(report.mail_sent(mail.recipients, filled(mail.run.counts), simulated=mail.run.simulated))


def stop(work: Job, state: RunState, error: str = "") -> None:
    """End a run before its time; what had been applied by then stays, is counted and is told."""
    applied = work.run.state == RunState.APPLYING
    simulated = str(work.run.simulated).lower()
    log.error("DIRSYNC:: %s run:%d simulated:%s %s", state.value.title(), work.run.pk, simulated, report.safe(error))
    told = "What had been applied by then stays and is listed." if applied else "Nobody was changed."
    if applied:
        record.settle_counts(work.run)
        write_log(work)
    with transaction.atomic():
        work.lease.finish(state, error=error)
        if state == RunState.FAILED:
            write_mail(work, MailKind.FAILED, f"The run failed. {told}\n\n{error}")


def close_dead(run: Run, *, at: datetime) -> bool:
    """End a run that nobody will take over any more; tell whether it still was there to be ended.

    Its mail waits in the box: whoever closes it may be answering a person.
    """
    held = lease.claim_dead(run.pk, clock=lambda: at)
    if held is None:
        return False
    last = f" (the last attempt ended with {run.error})" if run.error else ""
    error = f"The worker died before the run was done{last}; what had been applied by then stays and is listed."
    with lease.kept_alive(held):
        stop(job.load(run.pk, held), RunState.FAILED, error)
    return True
