"""Slows down guessing passwords: five failures for one username from one address in 15 minutes are enough."""

from __future__ import annotations

import hashlib
import ipaddress

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from orgs.text import fold

ATTEMPTS = 5
SECONDS = 15 * 60


def may_try(request: HttpRequest, username: str) -> bool:
    """Take one of the attempts that are left; false when there is none.

    It is taken before the password is checked and given back by ``forgive``: many requests at once get no more of them,
    since adding a key to the cache succeeds only once.
    """
    return any(cache.add(slot, 1, SECONDS) for slot in _slots(request, username))


def forgive(request: HttpRequest, username: str) -> None:
    """Forget the failures, after the right password."""
    cache.delete_many(_slots(request, username))


def _slots(request: HttpRequest, username: str) -> list[str]:
    who = hashlib.sha256(f"{_network(request)} {fold(username)}".encode()).hexdigest()
    return [f"sign-in:{who}:{number}" for number in range(ATTEMPTS)]


def _network(request: HttpRequest) -> str:
    """Return the client's address; of an IPv6 one the network, as one machine has all addresses of it."""
    address: str = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        # The last one is what our proxy saw; those before it are what the client claims.
        address = request.META.get("HTTP_X_FORWARDED_FOR", address).rsplit(",", 1)[-1].strip()
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False) if found.version == 6 else found)
