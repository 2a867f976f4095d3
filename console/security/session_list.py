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
from orgs.actions.users import signed_in_sessions
from orgs.models import User
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
    """Yield the sessions that have not ended: by time, or because the user's session epoch was raised."""
    present = user.get_session_auth_hash()
    rows = ConsoleSession.objects.filter(user=user, expire_date__gt=at).order_by("-last_request_at")[:MOST]
    for row in rows:
        key, began, last = row.session_key, row.began_at, row.last_request_at
        if began is None or last is None or not constant_time_compare(_hash(row), present):
            continue
        too_old = (at - began).total_seconds() >= settings.SESSION_COOKIE_AGE
        too_idle = (at - last).total_seconds() >= settings.SESSION_IDLE_SECONDS
        if not (too_old or too_idle):
            yield LiveSession(key, row.address, row.browser, began, last, is_this=key == this)


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
