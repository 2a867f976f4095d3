"""Remembers, in the session, who has given the right password and still has to show a second factor.

Until then nobody is signed in: no page but the second step knows this user.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth import load_backend
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from orgs.models import User

_WAITING = "second_step"
# The second step has to follow within so many seconds.
SECONDS = 600


def begin(request: HttpRequest, user: User, *, at: datetime) -> None:
    """Remember a user whose password was right; the session gets a new key, so that no planted one is carried along."""
    request.session.cycle_key()
    request.session[_WAITING] = {
        "user": user.pk,
        "backend": user.backend,
        "hash": user.get_session_auth_hash(),
        "since": int(at.timestamp()),
    }


def waiting_user(request: HttpRequest, *, at: datetime) -> User | None:
    """Return who has to show a second factor; None once the password was given too long ago, or opens nothing any more."""
    waiting = request.session.get(_WAITING)
    if waiting is None or waiting["backend"] not in settings.AUTHENTICATION_BACKENDS:
        return None
    if not 0 <= int(at.timestamp()) - waiting["since"] < SECONDS:
        return None
    user = load_backend(waiting["backend"]).get_user(waiting["user"])
    if not isinstance(user, User) or not constant_time_compare(waiting["hash"], user.get_session_auth_hash()):
        return None
    user.backend = waiting["backend"]
    return user


def end(request: HttpRequest) -> None:
    """Forget who has to show a second factor."""
    request.session.pop(_WAITING, None)
