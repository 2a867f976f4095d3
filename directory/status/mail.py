"""Checks the mails of runs: how many wait, which were sent, and the mail server's last error."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.models import Mail, SyncSettings
from directory.status.lines import Line, LineState
from directory.sync.alerts_and_mails import GIVE_UP_AFTER
from orgs.models import User

# How long a mail that was never sent is shown.
SHOWN_FOR = 7 * GIVE_UP_AFTER / 2


def look(*, at: datetime) -> list[Line]:
    """Return the status lines of mail."""
    lines = [_server(), _box(at)]
    if not _has_recipients():
        lines.append(
            Line(
                _("Recipients"),
                LineState.WARNING,
                _("Nobody is told how a run ended."),
                _("Enter addresses under Notifications, or give an administrator an email address."),
            )
        )
    return lines


def _has_recipients() -> bool:
    chosen = SyncSettings.load()
    if chosen.notification_addresses:
        return True
    return chosen.notify_administrators and User.objects.administrators().exclude(email="").exists()


def _server() -> Line:
    title = _("Mail server")
    if not settings.EMAIL_HOST:
        advice = _("Set EMAIL_HOST. Until then nobody is told by mail that a run failed or was held back.")
        return Line(title, LineState.WARNING, _("No mail server is set."), advice)
    last = Mail.objects.exclude(sent_at=None).aggregate(last=Max("sent_at"))["last"]
    fact = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}. "
    return Line(title, LineState.OK, fact + (_("Last sent:") if last else _("Nothing has been sent yet.")), at=last)


def _box(at: datetime) -> Line:
    title = _("Waiting")
    unsent, given_up = Q(sent_at=None), ~Q(given_up_at=None) | Q(created_at__lte=at - GIVE_UP_AFTER)
    counts = Mail.objects.filter(unsent, created_at__gt=at - SHOWN_FOR).aggregate(
        waiting=Count("pk", filter=~given_up), lost=Count("pk", filter=given_up)
    )
    failed = (
        Mail.objects.filter(unsent, created_at__gt=at - SHOWN_FOR)
        .exclude(error="")
        .order_by("-tried_at", "-pk")
        .first()
    )
    reason = " " + _("The mail server said: %(error)s") % {"error": failed.error} if failed else ""
    when = failed.tried_at if failed else None
    if counts["lost"]:
        fact = ngettext("%(count)d mail never left.", "%(count)d mails never left.", counts["lost"])
        advice = _("Repair the mail server's settings (EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS and the sign-in).")
        return Line(title, LineState.PROBLEM, fact % {"count": counts["lost"]} + reason, advice, at=when)
    if not counts["waiting"]:
        return Line(title, LineState.OK, _("No mail waits."))
    fact = ngettext("%(count)d mail waits.", "%(count)d mails wait.", counts["waiting"])
    fact = fact % {"count": counts["waiting"]} + reason
    if not failed:
        return Line(title, LineState.OK, fact)
    return Line(title, LineState.WARNING, fact, _("It is tried again every five minutes, for two days."), at=when)
