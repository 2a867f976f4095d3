"""The condition that nobody works on a row any more, for all rows that one worker at a time works on."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now


def nobody_works_on_it() -> Q:
    """Return the condition: the row has no lease, or its lease has expired by the database's clock."""
    # A lease that lasts far too long was given before the clock was set back.
    never = Now() + timedelta(seconds=10 * settings.RUN_LEASE_SECONDS)
    return Q(lease_until=None) | Q(lease_until__lt=Now()) | Q(lease_until__gt=never)


def lease_end() -> Combinable:
    """Return when a lease ends that is given or renewed now, by the database's clock."""
    return Now() + timedelta(seconds=settings.RUN_LEASE_SECONDS)
