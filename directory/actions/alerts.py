"""Dismisses alerts."""

from __future__ import annotations

from datetime import datetime

from directory.models import Alert
from orgs.models import User


def dismiss(*, alert: Alert, by: User, at: datetime) -> None:
    """Take an alert off the page; the first to dismiss it is remembered."""
    Alert.objects.filter(pk=alert.pk, dismissed_at=None).update(dismissed_at=at, dismissed_by=by)
