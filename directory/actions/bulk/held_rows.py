"""Puts a part off whose rows others hold: it is tried again after a pause, and the act ends when that lasts too long."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import psycopg
from django.db import OperationalError
from django.db.models import F
from django.db.models.functions import Now

from directory.actions.bulk.bulk_lease import BulkLease
from directory.models import BulkAct

# The beat calls a worker to the act afterwards, so the pause is up to ten seconds longer.
PAUSE = timedelta(seconds=5)
# How long an act waits for the same users. Each try of a part waits for the locks itself, too.
MOST_MINUTES = 15
GIVES_UP_AFTER = timedelta(minutes=MOST_MINUTES)
GIVEN_UP = (
    f"For {MOST_MINUTES} minutes a run or another act held the users who came next, so the act ended. "
    "Users with a result keep it; nothing was done to the others. Choose the others again when the other work has ended."
)


def held_by_others(error: OperationalError) -> bool:
    """Return whether the database gave up waiting for rows that others hold, or ended a circle of waiting."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return isinstance(cause, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected)


def put_off(lease: BulkLease, *, at: datetime) -> bool:
    """Leave the act to the next worker after a pause; return False, and do nothing, when it has waited too long.

    That is no attempt: a worker that waits has not died.
    """
    since = BulkAct.objects.values_list("waits_since", flat=True).get(pk=lease.act_id) or at
    if at - since >= GIVES_UP_AFTER:
        return False
    # A lease without an owner keeps other workers away during the pause.
    lease.save(waits_since=since, owner="", lease_until=Now() + PAUSE, attempts=F("attempts") - 1)
    return True
