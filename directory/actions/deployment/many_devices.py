"""Looks out for people who get many new devices by deployment: an alert, and a mail to those who administer them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from directory.models import AlertKind, Mail, MailKind
from directory.sync import alerts_and_mails
from directory.sync.alerts_and_mails import Letter
from directory.sync.finish import mail_recipients
from orgs.actions.deployment import deployed_devices
from orgs.models import User

# Somebody who registers computers in the name of a colleague is noticed at this number within an hour.
MANY_DEVICES = 3
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# Mails are about so many people in a day; the alerts name all of them.
MOST_MAILED = 20


def look(*, user: User, at: datetime) -> None:
    """Raise the alert and write the mails, in the caller's transaction, if this user has many new devices.

    There is one mail about a user in a day, to each address.
    """
    if deployed_devices.count_of_user(user.pk, within=_HOUR, at=at) < MANY_DEVICES:
        return
    message = (
        f"{user.username} got {MANY_DEVICES} or more new devices within an hour by deployment. Look at the user's devices, "
        "and deactivate those that are not theirs."
    )
    alerts_and_mails.raise_alert(kind=AlertKind.DEPLOYMENT, message=message, run_id=None, at=at)
    subject = f"Rollcall: many new devices of {user.username}"
    if alerts_and_mails.can_mail() and _may_mail(subject, at=at):
        body = f"{message}\n\nThe devices: {settings.CONSOLE_ADDRESS}/users/{user.pk}/devices/\n"
        letters = [Letter(each.address, subject, body) for each in mail_recipients.readers([user.org_id])]
        alerts_and_mails.write_mails(run=None, kind=MailKind.DEPLOYMENT, letters=letters, at=at)


def _may_mail(subject: str, *, at: datetime) -> bool:
    """Return whether nobody was mailed about this user within a day, and not about too many others."""
    lately = Mail.objects.filter(kind=MailKind.DEPLOYMENT, created_at__gt=at - _DAY).order_by()
    subjects = set(lately.values_list("subject", flat=True).distinct())
    return subject not in subjects and len(subjects) < MOST_MAILED
