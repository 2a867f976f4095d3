"""Notifies people of the end of a run: alerts on the console, and mails, stored until an SMTP server takes them."""

from __future__ import annotations

import logging
import secrets
import smtplib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import Q, QuerySet

from directory.models import Alert, AlertKind, LdapServer, Mail, MailKind, Run, RunServer
from directory.models.alerts import CONNECTION_PROBLEM
from directory.sync.stored import not_checked

log = logging.getLogger("rollcall.sync")

# A mail that could not be sent is tried again after RETRY_AFTER, and given up at the age of GIVE_UP_AFTER.
RETRY_AFTER = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(days=2)


def connection_problem(*, reading: RunServer, at: datetime) -> None:
    """Raise the alert that an LDAP server can't be used, with the error of this reading."""
    message = f"{CONNECTION_PROBLEM}: {reading.server_name}: {reading.error}"
    raise_alert(kind=AlertKind.CONNECTION, message=message, run_id=reading.run_id, server_id=reading.server_id, at=at)


def connection_works(server: LdapServer, *, at: datetime) -> None:
    """Dismiss the alerts that this LDAP server can't be used: it was just read."""
    Alert.objects.open().of_connection(server).update(dismissed_at=at)


def raise_alert(
    *, kind: AlertKind, message: str, run_id: int | None, at: datetime, server_id: int | None = None
) -> None:
    """Raise an alert; if the same one is open already, it then links to the newer run."""
    if not Alert.objects.open().filter(kind=kind, message=message).update(run_id=run_id):
        Alert.objects.create(kind=kind, message=message, run_id=run_id, server_id=server_id, created_at=at)


def close_held_back(*, runs: QuerySet[Run], at: datetime) -> None:
    """Dismiss the alerts of these held-back runs, which a later run has made void."""
    kinds = [AlertKind.HELD_BACK, AlertKind.APPROVAL]
    Alert.objects.open().filter(kind__in=kinds, run_id__in=runs.values("pk")).update(dismissed_at=at)


def alert_incomplete(run: Run, *, at: datetime) -> None:
    """Raise an alert for each LDAP server with users whom a real run could not check, and dismiss those of earlier runs.

    Alerts of servers that this run has not read stay as they are.
    """
    unchecked = not_checked.from_json(run.incomplete)
    messages = [f"Directory sync incomplete: {each.sentence}" for each in unchecked]
    servers = dict(run.readings.filter(server__isnull=False).values_list("server_name", "server"))
    past = Alert.objects.open().filter(Q(server=None) | Q(server__in=servers.values()), kind=AlertKind.INCOMPLETE)
    past.exclude(message__in=messages).update(dismissed_at=at)
    for each, message in zip(unchecked, messages, strict=True):
        raise_alert(
            kind=AlertKind.INCOMPLETE, message=message, run_id=run.pk, server_id=servers.get(each.server), at=at
        )


def address_of(run: Run) -> str:
    """Return the URL of a run's page."""
    return f"{settings.CONSOLE_ADDRESS}/history/{run.pk}/"


def address_of_users() -> str:
    """Return the URL of the list of users, where administrators find each user's history."""
    return f"{settings.CONSOLE_ADDRESS}/users/"


@dataclass(frozen=True, slots=True)
class Letter:
    """The mail to one address about a run."""

    recipient: str
    subject: str
    body: str


def can_mail() -> bool:
    """Return whether an SMTP server is set; without one no mail is written."""
    return bool(settings.EMAIL_HOST)


def write_mails(*, run: Run | None, kind: MailKind, letters: Iterable[Letter], at: datetime) -> None:
    """Store mails to be sent; those of a run only once for each kind and address.

    A Message-ID has a random part, because another installation, or one restored from a backup, has runs of the same
    number.
    """
    mails = Mail.objects.filter(run=run, kind=kind) if run is not None else Mail.objects.none()
    written = set(mails.values_list("recipient", flat=True))
    about = f"run-{run.pk}-" if run is not None else ""
    name, domain = f"{about}{kind.value.replace(' ', '-')}", settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    Mail.objects.bulk_create(
        Mail(
            run=run,
            kind=kind,
            recipient=letter.recipient,
            subject=" ".join(letter.subject.split())[:255],
            body=letter.body,
            message_id=f"<{name}-{secrets.token_hex(8)}@{domain}>",
            created_at=at,
        )
        for letter in letters
        if letter.recipient not in written
    )


def send_waiting(*, at: datetime) -> list[Mail]:
    """Send the waiting mails and return those that an SMTP server took."""
    _give_up(at)
    due = Mail.objects.filter(sent_at=None, given_up_at=None)
    # A mail whose last try lies far in the future was tried before the clock was set back.
    rested = Q(tried_at=None) | Q(tried_at__lt=at - RETRY_AFTER) | Q(tried_at__gt=at + RETRY_AFTER)
    sent_mails = []
    for mail in due.filter(rested).order_by("pk")[:50]:
        if _claim(mail, at):
            try:
                _send(mail, at)
            except OSError as error:
                _not_taken(mail, error)
                # Wait only once for the time-out of a server that does not answer.
                if not isinstance(error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused):
                    break
            except ValueError as error:
                _not_taken(mail, error)
            else:
                sent_mails.append(mail)
    return sent_mails


def _give_up(at: datetime) -> None:
    """Give up mails that have waited too long, and raise an alert for each."""
    for mail in Mail.objects.filter(sent_at=None, given_up_at=None, created_at__lte=at - GIVE_UP_AFTER):
        with transaction.atomic():
            if Mail.objects.filter(pk=mail.pk, sent_at=None, given_up_at=None).update(given_up_at=at):
                reason = f" The mail server said: {mail.error}" if mail.error else ""
                message = f"A mail was never sent: {mail.subject}.{reason}"
                raise_alert(kind=AlertKind.MAIL, message=message, run_id=mail.run_id, at=at)


def _claim(mail: Mail, at: datetime) -> bool:
    """Mark a mail as being tried, so that two workers never send it at once."""
    return bool(Mail.objects.filter(pk=mail.pk, sent_at=None, tried_at=mail.tried_at).update(tried_at=at))


def _send(mail: Mail, at: datetime) -> None:
    message = EmailMessage(
        subject=mail.subject,
        body=mail.body,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mail.recipient],
        headers={"Message-ID": mail.message_id},
        connection=get_connection(),
    )
    message.send()
    Mail.objects.filter(pk=mail.pk).update(sent_at=at, error="")


def _not_taken(mail: Mail, error: Exception) -> None:
    Mail.objects.filter(pk=mail.pk).update(error=str(error)[:1000])
    log.warning("mail %s of run %s was not taken by the SMTP server: %s", mail.kind, mail.run_id, error)
