"""Holds a run back before its first write: reports the reasons on the page, as an alert and by mail."""

from __future__ import annotations

import logging

from django.db import transaction

from directory.models import AlertKind, MailKind, RunState
from directory.sync import alerts_and_mails, run_texts
from directory.sync.finish import run_log, run_mails
from directory.sync.review import limit_checks
from directory.sync.review.review_stage import ReasonsToStop
from directory.sync.run_context import RunContext

log = logging.getLogger("rollcall.sync")


def hold_back(context: RunContext, reasons: ReasonsToStop) -> None:
    """End the run with its plan stored and nothing written; the reasons go to the log, an alert and mails."""
    passed, waits = reasons.limits, reasons.approval
    sentences = " ".join([*(reason.message for reason in passed), *waits])
    alert, mail = (AlertKind.HELD_BACK, MailKind.HELD_BACK) if passed else (AlertKind.APPROVAL, MailKind.APPROVAL)
    opening = "Directory sync held back." if passed else "Directory sync waits for approval."
    if any(reason.deactivations for reason in passed):
        opening = limit_checks.TOO_MANY
    level, what = (logging.WARNING, "Held back") if passed else (logging.INFO, "Waiting for approval")
    log.log(
        level,
        "DIRSYNC:: %s run:%d, nothing was written. %s %s",
        what,
        context.run.pk,
        opening,
        run_texts.safe(sentences),
    )
    run_log.write_log(context)
    with transaction.atomic():
        at = context.lease.clock()
        alerts_and_mails.raise_alert(kind=alert, message=f"{opening} {sentences}", run_id=context.run.pk, at=at)
        alerts_and_mails.alert_incomplete(context.run, at=at)
        context.lease.finish(RunState.HELD_BACK)
        run_mails.write_mails(context, mail, f"{opening}\nNothing was written.", sentences)
    run_mails.send(context)
