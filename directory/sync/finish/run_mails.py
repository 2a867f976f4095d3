"""Writes the mails of a run, each with what its recipient may see, and sends the waiting mails."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from directory.models import Mail, MailKind, Run
from directory.sync import alerts_and_mails, run_texts
from directory.sync.finish import mail_recipients
from directory.sync.run_context import RunContext
from directory.sync.stored import not_checked
from directory.values import run_counts
from directory.values.run_counts import NOT_CHECKED, filled

log = logging.getLogger("rollcall.sync")

Values = Mapping[str, Any]


def write_mails(context: RunContext, kind: MailKind, opening: str, detail: str = "") -> None:
    """Store the run's mails to be sent, in the transaction that ends the run, so that both happen or neither.

    A recipient who may not see the whole run gets the ``opening`` and the counts of their orgs. The ``detail`` names
    other orgs, servers and people, so it is left out for them.
    """
    context.run.refresh_from_db()
    if not alerts_and_mails.can_mail():
        return
    run, whole = context.run, "\n\n".join(filter(None, (opening, detail)))
    parts = {part["id"]: part for part in run.org_counts}
    letters, texts = [], dict[frozenset[int] | None, tuple[str, str]]()
    for reader in mail_recipients.readers(parts):
        if reader.org_ids not in texts:
            visible_parts = [part for pk, part in parts.items() if reader.org_ids is None or pk in reader.org_ids]
            text = (
                _whole_mail(run, kind, whole)
                if reader.org_ids is None
                else _part_of_mail(run, kind, opening, visible_parts)
            )
            texts[reader.org_ids] = text
        letters.append(alerts_and_mails.Letter(reader.address, *texts[reader.org_ids]))
    alerts_and_mails.write_mails(run=run, kind=kind, letters=letters, at=context.lease.clock())


def _whole_mail(run: Run, kind: MailKind, opening: str) -> tuple[str, str]:
    """Return subject and text of the mail about the whole run."""
    counts = filled(run.counts)
    body = run_texts.mail_body(
        opening=opening,
        counts=counts,
        org_lines=_org_lines(run.org_counts),
        warnings=[*run.held_back, *run.approval, *_incomplete(run), *run.warnings],
        where=f"Every change with its reasons: {alerts_and_mails.address_of(run)}",
    )
    return run_texts.mail_subject(kind, simulated=run.simulated, counts=counts, undone=run.undo_of_id), body


def _incomplete(run: Run) -> list[str]:
    return [each.sentence for each in not_checked.from_json(run.incomplete)]


def _part_of_mail(run: Run, kind: MailKind, opening: str, parts: Sequence[Values]) -> tuple[str, str]:
    """Return subject and text of the mail about these orgs, for a recipient who may not open the run's page."""
    counts = filled({count.key: sum(part.get(count.key, 0) for part in parts) for count in run_counts.COUNTS})
    if kind == MailKind.INCOMPLETE and not counts[NOT_CHECKED.key]:
        kind = MailKind.SUMMARY
    body = run_texts.mail_body(
        opening=f"{opening}\nThis mail is about the orgs that you administer.",
        counts=counts,
        org_lines=_org_lines(parts),
        warnings=[],
        where=f"Your users, each with what syncs have changed: {alerts_and_mails.address_of_users()}",
    )
    return run_texts.mail_subject(kind, simulated=run.simulated, counts=counts, undone=run.undo_of_id), body


def _org_lines(parts: Iterable[Values]) -> list[str]:
    return [run_texts.completed(part["id"], part["name"], part).partition(" for ")[2] for part in parts]


def send(context: RunContext) -> None:
    """Send all waiting mails, and log the recipients of this run's mails."""
    send_waiting(at=context.lease.clock())
    if not context.run.mails.filter(sent_at__isnull=False).exists():
        log.info(run_texts.mail_sent([], filled(context.run.counts), simulated=context.run.simulated))


def send_waiting(*, at: datetime) -> None:
    """Send all waiting mails, and log the recipients for each run."""
    mails_of_runs: dict[Run, list[Mail]] = {}
    for mail in alerts_and_mails.send_waiting(at=at):
        if mail.run is not None:
            mails_of_runs.setdefault(mail.run, []).append(mail)
    for run, mails in mails_of_runs.items():
        addresses = [mail.recipient for mail in mails]
        log.info(run_texts.mail_sent(addresses, filled(run.counts), simulated=run.simulated))
