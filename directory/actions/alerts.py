"""Dismisses alerts, and ends alerts whose reason is gone."""

from __future__ import annotations

from datetime import datetime

from directory.models import Alert, LdapServer
from directory.sync import alerts_and_mails
from orgs.models import User


def dismiss(*, alert: Alert, by: User, at: datetime) -> None:
    """Take an alert off the page; store who dismissed it first."""
    Alert.objects.filter(pk=alert.pk, dismissed_at=None).update(dismissed_at=at, dismissed_by=by)


def connection_works(*, server: LdapServer, at: datetime) -> None:
    """End the alerts that a server can't be used, after a successful test with its stored settings."""
    alerts_and_mails.connection_works(server, at=at)
