"""Lists the sessions in which a user is signed in, and ends them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from console.models import ConsoleSession
from console.security.session_store import hashed
from orgs.actions import locks
from orgs.actions.users import signed_in_sessions
from orgs.models import User
from orgs.models.users import UserQuerySet
from orgs.rules.actors import Actor

# A page lists at most so many; ending all ends the others too.
MOST = 100


@dataclass(frozen=True, slots=True)
class LiveSession:
    """One session in which a user is signed in; ``key`` is the hash by which it is stored."""

    key: str
    address: str
    browser: str
    began_at: datetime
    last_request_at: datetime
    is_this: bool


def live_sessions(user: User, *, at: datetime, request: HttpRequest | None = None) -> list[LiveSession]:
    """Return the user's sessions, the last used first; the one of ``request`` is marked, and comes before all others."""
    this = hashed(request.session.session_key or "") if request is not None else ""
    found = _live(user, this, at)
    return sorted(found, key=lambda each: (not each.is_this, -each.last_request_at.timestamp()))


def _live(user: User, this: str, at: datetime) -> Iterator[LiveSession]:
    rows = ConsoleSession.objects.filter(user=user, expire_date__gt=at).order_by("-last_request_at")[:MOST]
    for row in rows:
        key, began, last = row.session_key, row.began_at, row.last_request_at
        if began is not None and last is not None and _is_live(row, user, at):
            yield LiveSession(key, row.address, row.browser, began, last, is_this=key == this)


def _is_live(row: ConsoleSession, user: User, at: datetime) -> bool:
    """Return whether a session has not ended: by time, or because the user's session epoch was raised."""
    if row.began_at is None or row.last_request_at is None:
        return False
    too_old = (at - row.began_at).total_seconds() >= settings.SESSION_COOKIE_AGE
    too_idle = (at - row.last_request_at).total_seconds() >= settings.SESSION_IDLE_SECONDS
    return not too_old and not too_idle and constant_time_compare(_hash(row), user.get_session_auth_hash())


def count_live(users: UserQuerySet, *, at: datetime) -> int:
    """Return how many sessions of these users have not ended."""
    rows = ConsoleSession.objects.filter(user__in=users.order_by().values("pk"), expire_date__gt=at)
    return sum(_is_live(row, row.user, at) for row in rows.select_related("user").iterator() if row.user is not None)


@transaction.atomic
def end_all(*, user: User, by: Actor, at: datetime) -> int:
    """End all sessions of a user, and return how many there were; ``user`` has the new session epoch then."""
    locks.users([user.pk])
    found = count_live(User.objects.filter(pk=user.pk), at=at)
    signed_in_sessions.end_all(user=user, by=by, at=at)
    return found


def _hash(row: ConsoleSession) -> str:
    found: str = row.get_decoded().get(HASH_SESSION_KEY, "")
    return found


@transaction.atomic
def end_one(user: User, key: str, *, by: Actor, at: datetime) -> bool:
    """End one session of the user; return whether it was there."""
    row = ConsoleSession.objects.filter(user=user, session_key=key).first()
    if row is None:
        return False
    row.delete()
    signed_in_sessions.note_ended(user=user, address=row.address, browser=row.browser, by=by, at=at)
    return True
