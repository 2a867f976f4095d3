"""Limits attempts to guess passwords, without letting anybody lock out another user.

There are three limits: for one username from one address, for one address, and for one username from anywhere. Each
attempt uses up one slot of each; the right password frees them. A browser in which the user has signed in before has
its own slots, which attempts from elsewhere do not use up. Codes of a second factor have slots of their own, and so have
requests for a link to choose a password.

Directories lock accounts after some wrong passwords. So there is a fourth limit, for the passwords of one user that are
sent to a directory, from anywhere.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from console.models import SignInAttempt
from console.security.client_address import client_network
from orgs.text import fold

SECONDS = 15 * 60
# The limit for one username from one address, or from one known browser.
ATTEMPTS = 5
# The limit for one address, over all usernames: many people may share it.
ADDRESS_ATTEMPTS = 50
# The limit for one username from anywhere.
USERNAME_ATTEMPTS = 50
# The limit of silent registrations from one address, also of those that worked: a whole office may share it.
DEPLOYMENTS = 300
# The limit of links that are mailed to one user.
LINKS = 3
KNOWN_FOR = 90 * 24 * 3600
# It stays as it is: the cookies of all known browsers are signed with it.
_SALT = "console.security.throttle.known-browser"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to sign in: the slots that it used up, and all slots of its username and address."""

    taken: tuple[str, ...]
    forgiven: tuple[str, ...]


def begin(request: HttpRequest, username: str) -> Attempt | None:
    """Use up a slot of each limit; return None if no slot is free.

    Call this before the password is checked; ``forgive`` frees the slots. Many requests at the same time get no more
    slots, as the row of a slot can be inserted only once.
    """
    _forget_the_past()
    who = fold(username)
    if browser := _known_browser(request, who):
        own = _slots(f"browser {browser} {who}", ATTEMPTS)
        return _take(own, [own])
    network = client_network(request)
    own = _slots(f"both {network} {who}", ATTEMPTS)
    others = [_slots(f"address {network}", ADDRESS_ATTEMPTS), _slots(f"username {who}", USERNAME_ATTEMPTS)]
    return _take(own, [own, *others])


def begin_code(request: HttpRequest, username: str) -> Attempt | None:
    """Use up a slot for a code of a second factor; return None if no slot is free.

    A code has six digits, and who tries it has the password already. So there are few slots for all addresses together.
    """
    _forget_the_past()
    who = fold(username)
    if browser := _known_browser(request, who):
        own = _slots(f"code browser {browser} {who}", ATTEMPTS)
        return _take(own, [own])
    own = _slots(f"code username {who}", ATTEMPTS)
    return _take(own, [own, _slots(f"code address {client_network(request)}", ADDRESS_ATTEMPTS)])


def may_request_link(request: HttpRequest, username: str) -> bool:
    """Use up a slot for a link to choose a password; return whether one was free. Nothing frees it but time."""
    _forget_the_past()
    own = _slots(f"link username {fold(username)}", LINKS)
    return _take(own, [own, _slots(f"link address {client_network(request)}", ADDRESS_ATTEMPTS)]) is not None


def begin_key(request: HttpRequest) -> Attempt | None:
    """Use up a slot for a registration key; return None if no slot is free for this address. A right key gives it back."""
    _forget_the_past()
    own = _slots(f"registration key {client_network(request)}", ADDRESS_ATTEMPTS)
    return _take(own, [own])


def begin_deployment(request: HttpRequest) -> Attempt | None:
    """Use up a slot for a silent registration; return None if no slot is free for this address.

    ``give_back`` frees the slot that only refusals keep; nobody makes devices without end.
    """
    _forget_the_past()
    network = client_network(request)
    every = _slots(f"deployment {network}", DEPLOYMENTS)
    if _take(every, [every]) is None:
        return None
    refused = _slots(f"refused deployment {network}", ADDRESS_ATTEMPTS)
    return _take(refused, [refused])


def forgive(attempt: Attempt) -> None:
    """Free the slots after the right password, and forget earlier failures of this username from this address."""
    SignInAttempt.objects.filter(slot__in=[*attempt.taken, *attempt.forgiven]).delete()


def begin_bind(request: HttpRequest | None, username: str) -> Attempt | None:
    """Use up one of the few slots for sending a user's password to a directory; return None if no slot is free.

    Everybody may use about half of them, and a browser in which the user has signed in before may use all.
    """
    _forget_the_past()
    who = fold(username)
    common = _slots(f"bind {who}", (settings.SIGN_IN_BINDS + 1) // 2)
    reserve = _slots(f"bind in a known browser {who}", settings.SIGN_IN_BINDS // 2)
    seconds = settings.SIGN_IN_BIND_MINUTES * 60
    attempt = _take((*common, *reserve), [common], seconds)
    if attempt is None and request is not None and _known_browser(request, who):
        attempt = _take((*common, *reserve), [reserve], seconds)
    return attempt


def give_back(attempt: Attempt) -> None:
    """Free the slots of this attempt only: no wrong password was counted."""
    SignInAttempt.objects.filter(slot__in=attempt.taken).delete()


def remember_browser(response: HttpResponse, username: str) -> None:
    """Set a cookie that proves later that this user has signed in with this browser."""
    value = signing.dumps([fold(username), secrets.token_urlsafe(12)], salt=_SALT)
    response.set_cookie(
        _cookie(), value, max_age=KNOWN_FOR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
    )


def _forget_the_past() -> None:
    SignInAttempt.objects.filter(until__lte=timezone.now()).delete()


def _cookie() -> str:
    return f"{settings.COOKIE_PREFIX}known"


def _known_browser(request: HttpRequest, who: str) -> str:
    """Return the id in the browser's cookie if the cookie is this user's; else empty."""
    try:
        username, name = signing.loads(request.COOKIES.get(_cookie(), ""), salt=_SALT, max_age=KNOWN_FOR)
    except (signing.BadSignature, ValueError):
        return ""
    return str(name) if username == who else ""


def _slots(what: str, number: int) -> tuple[str, ...]:
    hashed = hashlib.sha256(what.encode()).hexdigest()
    return tuple(f"sign-in:{hashed}:{slot}" for slot in range(number))


def _take(own: tuple[str, ...], limits: list[tuple[str, ...]], seconds: int = SECONDS) -> Attempt | None:
    taken = []
    for slots in limits:
        used = set(SignInAttempt.objects.filter(slot__in=slots).values_list("slot", flat=True))
        slot = next((slot for slot in slots if slot not in used and _add(slot, seconds)), None)
        if slot is None:
            return None
        taken.append(slot)
    return Attempt(tuple(taken), own)


def _add(slot: str, seconds: int) -> bool:
    """Use up a slot; return False if another request was faster."""
    until = connection.ops.adapt_datetimefield_value(timezone.now() + timedelta(seconds=seconds))
    table = connection.ops.quote_name(SignInAttempt._meta.db_table)
    with connection.cursor() as cursor:
        # ON CONFLICT avoids an error for a taken slot: PostgreSQL would log each one, and guessing makes many.
        cursor.execute(f"INSERT INTO {table} (slot, until) VALUES (%s, %s) ON CONFLICT DO NOTHING", [slot, until])  # noqa: S608
        return bool(cursor.rowcount == 1)
