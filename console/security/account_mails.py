"""Mails to users about their own accounts; a worker sends them, so that a page takes as long with a mail as without.

A link in such a mail lets somebody choose a password, so the mail is never stored: it is made when it is sent.
"""

from __future__ import annotations

import logging
from smtplib import SMTPException

from celery import shared_task
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import gettext as _

from console.security import password_links
from directory.scheduling import queues
from directory.scheduling.queues import BrokerUnavailable
from orgs.actions.users import sign_in_trail
from orgs.models import User
from orgs.rules.actors import SYSTEM
from orgs.text import fold

log = logging.getLogger("rollcall.security")

# A mail server that does not answer is tried so many times, each time after twice as long.
TRIES = 5
_REASONS = (OSError, SMTPException)


def can_mail() -> bool:
    """Return whether a mail server is set."""
    return bool(settings.EMAIL_HOST)


def request_link(*, username: str, address: str) -> None:
    """Have a link mailed if there is such a user, who may choose a password by it; ``address`` is where from."""
    _put("mail_requested_link", username=username, address=address)


def send_link(*, user: User, sent_by: int) -> None:
    """Have a link mailed to a user, for an administrator."""
    _put("mail_sent_link", user_id=user.pk, sent_by=sent_by)


def send_notice(*, user: User, about: str) -> None:
    """Have a user told what an administrator did to their account; ``about`` is a key of ``_NOTICES``."""
    _put("mail_notice", user_id=user.pk, about=about)


def _put(task: str, **arguments: str | int) -> None:
    try:
        queues.put(f"{__name__}.{task}", queue="mail", **arguments)
    except BrokerUnavailable as error:
        log.warning("SECURITY:: no mail about an account can be sent, as the broker can't be reached: %s", error)


@shared_task(ignore_result=True, autoretry_for=_REASONS, retry_backoff=30, max_retries=TRIES)
def mail_requested_link(*, username: str, address: str) -> None:
    """Mail a link to whoever asked for it on the sign-in page, if it is a user who may choose a password by it."""
    user = User.objects.select_related("org").filter(username_key=fold(username)).first()
    if user is None or not can_mail() or not password_links.may_choose(user, sent_by=None):
        return
    reason = _("Somebody asked for it on the sign-in page, from the address %(address)s.") % {"address": address}
    _send_link(user, sent_by=None, reason=reason)
    sign_in_trail.note_sign_in(
        user, "password link requested", origin={"address": address}, by=SYSTEM, at=timezone.now()
    )


@shared_task(ignore_result=True, autoretry_for=_REASONS, retry_backoff=30, max_retries=TRIES)
def mail_sent_link(*, user_id: int, sent_by: int) -> None:
    """Mail a link that an administrator sends."""
    user = User.objects.select_related("org").get(pk=user_id)
    sender = User.objects.get(pk=sent_by)
    if can_mail() and password_links.may_choose(user, sent_by=sent_by):
        reason = _("%(name)s has sent it to you.") % {"name": sender.full_name}
        _send_link(user, sent_by=sent_by, reason=reason)


def _send_link(user: User, *, sent_by: int | None, reason: str) -> None:
    text = _(
        "Choose a new password for %(username)s on %(console)s:\n\n%(link)s\n\n"
        "The link works once, and for one hour. %(reason)s\n"
        "If you do not want a new password, do nothing: the present one stays."
    )
    body = text % {
        "username": user.username,
        "console": settings.CONSOLE_ADDRESS,
        "link": password_links.address(user, sent_by=sent_by),
        "reason": reason,
    }
    _send(user, _("Rollcall: choose a new password"), body)


@shared_task(ignore_result=True, autoretry_for=_REASONS, retry_backoff=30, max_retries=TRIES)
def mail_notice(*, user_id: int, about: str) -> None:
    """Mail what was done to an account."""
    user = User.objects.get(pk=user_id)
    if can_mail() and user.email:
        subject, body = _notice(about)
        _send(user, subject, body % {"username": user.username, "console": settings.CONSOLE_ADDRESS})


def _notice(about: str) -> tuple[str, str]:
    """Return the subject of a notice, and its text."""
    notices = {
        "second factor reset": (
            _("Rollcall: your second factor was reset"),
            _(
                "An administrator has removed the second factor of %(username)s on %(console)s, and all your sessions "
                "have ended. Sign in with your password and set up a new one. If you did not ask for that, tell your "
                "administrators."
            ),
        ),
        "password set": (
            _("Rollcall: your password was set"),
            _(
                "An administrator has set a new local password for %(username)s on %(console)s, and all your sessions "
                "have ended. If you did not ask for that, tell your administrators."
            ),
        ),
    }
    return notices[about]


def _send(user: User, subject: str, body: str) -> None:
    EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [user.email]).send()
