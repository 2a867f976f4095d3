"""Ends the sessions in which users are signed in."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from orgs.actions import locks
from orgs.actions.users.user_rows import note_all
from orgs.models import User
from orgs.rules.actors import Actor


@transaction.atomic
def end_all(*, user: User, by: Actor, at: datetime) -> None:
    """End all sessions of a user; ``user`` has the new session epoch then, so that the present session can be kept."""
    locks.users([user.pk])
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])
    note_all({user.pk: user.username}, "sessions ended", by=by, at=at)


def note_ended(*, user: User, address: str, browser: str, by: Actor, at: datetime) -> None:
    """Write the audit row about one session that was ended, inside the caller's transaction."""
    before = {"address": address, "browser": browser}
    note_all({user.pk: user.username}, "session ended", by=by, at=at, before=before)
