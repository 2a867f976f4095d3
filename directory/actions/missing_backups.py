"""Looks for devices that have made no backup for some days: one alert while there are any, and a mail about new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count

from directory.models import Alert, AlertKind, Mail, MailKind
from directory.sync import alerts_and_mails
from directory.sync.alerts_and_mails import Letter
from directory.sync.finish import mail_recipients
from orgs.models import Device, Org
from orgs.text import counted

# A mail is written at most so often.
MAILED_EVERY = timedelta(days=1)


@transaction.atomic
def look(*, at: datetime) -> int:
    """Raise or dismiss the alert, and write the mail if devices are new among these; return how many devices there are.

    Safe to do twice.
    """
    days = settings.NO_BACKUP_DAYS
    late = _late_by_org(at - timedelta(days=days)) if days else {}
    _set_alert(sum(late.values()), days, at=at)
    if late and alerts_and_mails.can_mail() and _has_new(days, at=at):
        letters = _letters(late, days)
        alerts_and_mails.write_mails(run=None, kind=MailKind.NO_BACKUP, letters=letters, at=at)
    return sum(late.values())


def _late_by_org(moment: datetime) -> dict[int, int]:
    """Return how many devices have made no backup since, by the id of their user's org."""
    rows = Device.objects.without_backup_since(moment).order_by().values_list("user__org")
    return dict(rows.annotate(devices=Count("pk")))


def _set_alert(number: int, days: int, *, at: datetime) -> None:
    """Have one open alert that says the number, or none."""
    present = Alert.objects.open().filter(kind=AlertKind.NO_BACKUP)
    if not number:
        present.update(dismissed_at=at)
        return
    message = (
        f"{counted(number, 'device has', 'devices have')} made no backup for {counted(days, 'day', 'days')} or longer. "
        f"Devices, with the filter “Last backup”, shows which."
    )
    if not present.update(message=message) and not _dismissed_lately(at):
        alerts_and_mails.raise_alert(kind=AlertKind.NO_BACKUP, message=message, run_id=None, at=at)


def _dismissed_lately(at: datetime) -> bool:
    """Return whether a person has dismissed the alert within a day: it does not come back every hour."""
    dismissed = Alert.objects.filter(kind=AlertKind.NO_BACKUP, dismissed_by__isnull=False)
    return dismissed.filter(dismissed_at__gt=at - MAILED_EVERY).exists()


def _has_new(days: int, *, at: datetime) -> bool:
    """Return whether there is a device that the last mail did not count; False within a day after that mail."""
    last = Mail.objects.filter(kind=MailKind.NO_BACKUP).order_by("-created_at").first()
    if last is None:
        return True
    if at - last.created_at < MAILED_EVERY:
        return False
    late_now = Device.objects.without_backup_since(at - timedelta(days=days))
    late_then = Device.objects.without_backup_since(last.created_at - timedelta(days=days))
    return bool(late_now.exclude(pk__in=late_then.order_by().values("pk")).exists())


def _letters(late: Mapping[int, int], days: int) -> Iterable[Letter]:
    names = dict(Org.objects.filter(pk__in=late).order_by("path").values_list("pk", "name"))
    for recipient in mail_recipients.readers(late.keys()):
        shown = {pk: late[pk] for pk in names if recipient.org_ids is None or pk in recipient.org_ids}
        number = sum(shown.values())
        lines = "\n".join(f"{names[pk]}: {counted(each, 'device', 'devices')}" for pk, each in shown.items())
        subject = (
            f"Rollcall: {counted(number, 'device', 'devices')} without a backup for {counted(days, 'day', 'days')}"
        )
        body = (
            f"These devices may back up, and have not for {counted(days, 'day', 'days')} or longer:\n\n{lines}\n\n"
            f"Which ones: {settings.CONSOLE_ADDRESS}/devices/?backup={days}\n"
        )
        yield Letter(recipient.address, subject, body)
