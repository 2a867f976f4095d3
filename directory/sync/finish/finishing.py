"""Closes a run for its readers: its log lines, its mails; and ends runs before their time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from directory.models import Mail, MailKind, Run, RunState
from directory.sync import lease, notifications, report, run_context
from directory.sync.finish import audience
from directory.sync.review import applied_counts
from directory.sync.run_context import RunContext
from directory.sync.stored import not_checked, plan_rows, serialization
from directory.values import run_counts
from directory.values.plan import Action, Change, Outcome
from directory.values.run_counts import NOT_CHECKED, filled
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


def write_mails(work: RunContext, kind: MailKind, opening: str, detail: str = "") -> None:
    """Put the run's mails into the box, in the transaction that ends the run: neither comes without the other.

    Whoever may not see the whole run is told the ``opening`` and the counts of their orgs, but no ``detail``, which
    names other orgs, servers and people.
    """
    work.run.refresh_from_db()
    if not notifications.can_mail():
        return
    run, whole = work.run, "\n\n".join(filter(None, (opening, detail)))
    parts = {part["id"]: part for part in run.org_counts}
    letters, texts = [], dict[frozenset[int] | None, tuple[str, str]]()
    for reader in audience.readers(parts):
        if reader.org_ids not in texts:
            visible_parts = [part for pk, part in parts.items() if reader.org_ids is None or pk in reader.org_ids]
            text = (
                _whole_mail(run, kind, whole)
                if reader.org_ids is None
                else _part_of_mail(run, kind, opening, visible_parts)
            )
            texts[reader.org_ids] = text
        letters.append(notifications.Letter(reader.address, *texts[reader.org_ids]))
    notifications.write_mails(run=run, kind=kind, letters=letters, at=work.lease.clock())


def _whole_mail(run: Run, kind: MailKind, opening: str) -> tuple[str, str]:
    """Return subject and text of the mail about the whole run."""
    counts = filled(run.counts)
    body = report.mail_body(
        opening=opening,
        counts=counts,
        org_lines=_org_lines(run.org_counts),
        warnings=[*run.held_back, *run.approval, *_incomplete(run), *run.warnings],
        where=f"Every change with its reasons: {notifications.address_of(run)}",
    )
    return report.mail_subject(kind, simulated=run.simulated, counts=counts, undone=run.undo_of_id), body


def _incomplete(run: Run) -> list[str]:
    return [each.sentence for each in not_checked.from_json(run.incomplete)]


def _part_of_mail(run: Run, kind: MailKind, opening: str, parts: Sequence[Values]) -> tuple[str, str]:
    """Return subject and text of the mail about these orgs, for somebody who may not open the run's page."""
    counts = filled({count.key: sum(part.get(count.key, 0) for part in parts) for count in run_counts.COUNTS})
    if kind == MailKind.INCOMPLETE and not counts[NOT_CHECKED.key]:
        kind = MailKind.SUMMARY
    body = report.mail_body(
        opening=f"{opening}\nThis mail is about the orgs that you administer.",
        counts=counts,
        org_lines=_org_lines(parts),
        warnings=[],
        where=f"Your users, each with what syncs have changed: {notifications.address_of_users()}",
    )
    return report.mail_subject(kind, simulated=run.simulated, counts=counts, undone=run.undo_of_id), body


def _org_lines(parts: Iterable[Values]) -> list[str]:
    return [report.completed(part["id"], part["name"], part).partition(" for ")[2] for part in parts]


def write_beginning(org_ids: Sequence[int]) -> None:
    """Write the log line that opens a sync, or the application of its plan."""
    log.info(report.submitting(org_ids))


def write_orgs_begin(names: Mapping[int, str]) -> None:
    """Write the line that opens each org, as its users are about to be decided about, or changed."""
    for pk, name in names.items():
        log_of_orgs.info(report.running(pk, name))


def half_written(run: Run) -> bool:
    """Return whether a worker was killed while it wrote the log lines of a run that had done everything else."""
    return run.phase == WRITING and (run.simulated or run.state == RunState.APPLYING)


def write_log(work: RunContext) -> None:
    """Write the log lines of a run that is about to end; after a crash this goes on where it stopped."""
    run = work.run
    run.refresh_from_db()
    again = half_written(run)
    done, mark = (run.done, REPEATED) if again else (0, "")
    work.lease.save(phase=WRITING, done=done, total=None)
    if not done:
        for part in run.org_counts:
            log_of_orgs.info("%s%s", report.completed(part["id"], part["name"], part), mark)
        for each in not_checked.from_json(run.incomplete):
            log.warning("%s%s", report.incomplete(each, simulated=run.simulated), mark)
        log.info("%s%s", report.summary(work.org_ids, filled(run.counts), simulated=run.simulated), mark)
    author = report.subject(work.actor.user_id, work.actor.label, work.actor.org_id)
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
        work.lease.save(done=done)


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


def send(work: RunContext) -> None:
    """Send what waits in the box and say who was told."""
    send_waiting(at=work.lease.clock())
    if not work.run.mails.filter(sent_at__isnull=False).exists():
        log.info(report.mail_sent([], filled(work.run.counts), simulated=work.run.simulated))


def send_waiting(*, at: datetime) -> None:
    """Send the mails that wait and say who was told of which run."""
    mails_of_runs: dict[int, list[Mail]] = {}
    for mail in notifications.send_waiting(at=at):
        mails_of_runs.setdefault(mail.run_id, []).append(mail)
    for mails in mails_of_runs.values():
        run, addresses = mails[0].run, [mail.recipient for mail in mails]
        log.info(report.mail_sent(addresses, filled(run.counts), simulated=run.simulated))


def stop(work: RunContext, state: RunState, error: str = "") -> None:
    """End a run before its time; the changes applied by then stay, and are counted and logged."""
    applied = work.run.state == RunState.APPLYING
    simulated = str(work.run.simulated).lower()
    log.error("DIRSYNC:: %s run:%d simulated:%s %s", state.value.title(), work.run.pk, simulated, report.safe(error))
    consequence = "What had been applied by then stays and is listed." if applied else "Nobody was changed."
    if applied:
        plan_rows.settle_counts(work.run)
        write_log(work)
    counts = applied_counts.of(work.run) if applied else {}
    with transaction.atomic():
        work.lease.finish(state, error=error)
        applied_counts.store(counts)
        if state == RunState.FAILED:
            write_mails(work, MailKind.FAILED, f"The run failed. {consequence}", error)


def close_dead(run: Run, *, at: datetime) -> bool:
    """End a run that nobody will take over any more; tell whether it still was there to be ended.

    Its mail waits in the box: whoever closes it may be answering a person.
    """
    claimed = lease.claim_dead(run.pk, clock=lambda: at)
    if claimed is None:
        return False
    last = f" (the last attempt ended with {run.error})" if run.error else ""
    error = f"The worker died before the run was done{last}; what had been applied by then stays and is listed."
    with lease.kept_alive(claimed):
        stop(run_context.load(run.pk, claimed), RunState.FAILED, error)
    return True
