"""Limits sessions: idle time, total time, and how long a confirmed password counts for dangerous pages."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from console.security import security_log
from console.security.client_address import client_address
from directory.org_scope import uses_server
from orgs.models import User

# Keys of times in a session, in seconds since 1970.
BEGAN, LAST_REQUEST, CONFIRMED = "began", "seen", "confirmed"
# The key with the id of the LDAP server that has checked the password; local passwords have none.
SERVER = "directory_server"
# Keys of the address and the browser that the last stored request came from.
ADDRESS, BROWSER = "address", "browser"
# Key of the kind of the second factor that was shown in this session; absent if none was.
SECOND_FACTOR = "second_factor"
# The time of the last request is stored at most this often, so that not every page writes to the database.
_GRAIN = 60


class SessionLimitsMiddleware:
    """Signs out users whose session is too old, or has been idle for too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and _is_out_of_reach(request):
            _end(request)
        elif request.user.is_authenticated:
            _check(request, now=int(timezone.now().timestamp()))
        elif SESSION_KEY in request.session:
            _end(request)
        return self.get_response(request)


def _is_out_of_reach(request: HttpRequest) -> bool:
    """Return whether the user's org does not ask the LDAP server any more that has checked the password."""
    server_id = request.session.get(SERVER)
    return server_id is not None and not (isinstance(request.user, User) and uses_server(request.user.org, server_id))


def _end(request: HttpRequest) -> None:
    """End a session whose user may not use the console any more, and log it once."""
    user = User.objects.filter(pk=request.session[SESSION_KEY]).first()
    security_log.note(
        "session ended, the account is closed or its password counts no longer",
        request,
        user=user.username if user is not None else "",
    )
    logout(request)


def _check(request: HttpRequest, *, now: int) -> None:
    session = request.session
    if BEGAN not in session:
        begin(request)
    elif (
        now - session[BEGAN] >= settings.SESSION_COOKIE_AGE
        or now - session[LAST_REQUEST] >= settings.SESSION_IDLE_SECONDS
    ):
        logout(request)
    elif now - session[LAST_REQUEST] >= _GRAIN and not _is_automatic(request):
        session.update({LAST_REQUEST: now, **origin(request)})


def _is_automatic(request: HttpRequest) -> bool:
    """Return whether a part of an open page refreshes itself, without an action of the user."""
    element = request.headers.get("HX-Trigger")
    return request.method == "GET" and element is not None and element == request.headers.get("HX-Target")


def begin(request: HttpRequest) -> None:
    """Start the times of a new session."""
    now = int(timezone.now().timestamp())
    request.session.update({BEGAN: now, LAST_REQUEST: now, CONFIRMED: now, **origin(request)})


def origin(request: HttpRequest) -> dict[str, str]:
    """Return the address and the browser of a request, as a session stores them."""
    browser = "".join(sign for sign in request.headers.get("User-Agent", "") if sign.isprintable())
    return {ADDRESS: client_address(request)[:64], BROWSER: browser[:300]}


def confirm(request: HttpRequest) -> None:
    """Store that the password was entered just now."""
    request.session[CONFIRMED] = int(timezone.now().timestamp())


def is_confirmed(request: HttpRequest, *, seconds_more: int = 0) -> bool:
    """Return whether the password was entered in the last ``CONFIRMED_SECONDS``, and still counts ``seconds_more``."""
    then = int(timezone.now().timestamp()) + seconds_more
    return then - int(request.session.get(CONFIRMED, 0)) < settings.CONFIRMED_SECONDS
