"""Closes a run for its readers: its mail, its log lines."""

from __future__ import annotations

import logging

from directory.models import MailKind
from directory.sync import notify, report, rows
from directory.sync.job import Job
from directory.sync.tally import filled
from directory.sync.values import Outcome

log = logging.getLogger("rollcall.sync")


def write_mail(work: Job, kind: MailKind, opening: str) -> None:
    """Put the run's mail into the box, in the transaction that ends the run: neither comes without the other."""
    work.run.refresh_from_db()
    run, counts = work.run, filled(work.run.counts)
    body = report.mail_body(
        opening=opening,
        counts=counts,
        org_lines=[report.completed(part["id"], part["name"], part).partition(" for ")[2] for part in run.org_counts],
        warnings=[*run.held_back, *run.warnings],
        address=notify.address_of(run),
    )
    subject = report.mail_subject(kind, simulated=run.simulated, counts=counts)
    notify.write_mail(run=run, kind=kind, subject=subject, body=body, at=work.lease.clock())


def log_end(work: Job) -> None:
    """Write the log lines of a run that has ended, then send its mail."""
    run = work.run
    for part in run.org_counts:
        log.info(report.completed(part["id"], part["name"], part))
    log.info(report.summary(work.org_ids, filled(run.counts), simulated=run.simulated))
    author = report.subject(work.actor.user_id, work.actor.label, work.actor.org_id)
    told = Outcome.PLANNED if run.simulated else Outcome.APPLIED
    for row in run.changes.filter(outcome=told, user__isnull=False).in_order().iterator(chunk_size=1000):
        for line in report.history(rows.change_from_row(row), author=author, simulated=run.simulated):
            log.info(line)
    send(work)


def send(work: Job) -> None:
    """Send what waits in the box and say who was told."""
    sent = notify.send_waiting(at=work.lease.clock())
    told = [address for mail in sent if mail.run_id == work.run.pk for address in mail.recipients]
    log.info(report.mail_sent(told, filled(work.run.counts), simulated=work.run.simulated))
