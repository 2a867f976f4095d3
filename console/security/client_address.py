"""Finds the client's address of a request."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from orgs.rules.addresses import address_of


def client_address(request: HttpRequest) -> str:
    """Return the client's address as our proxy, or without one our web server, received it."""
    return address_in(request.META)


def address_in(meta: Mapping[str, Any]) -> str:
    """Return the client's address of a request's environment."""
    address: str = meta.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        # Our proxy has added the last address; the client may have forged those before it.
        address = _without_port(meta.get("HTTP_X_FORWARDED_FOR", address).rsplit(",", 1)[-1].strip())
    return address


def _without_port(text: str) -> str:
    """Return an address as some proxies write it, without the port, which is another one for each connection."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def client_network(request: HttpRequest) -> str:
    """Return the client's IPv4 address or IPv6 network: one machine can use all addresses of its network."""
    address = client_address(request)
    try:
        found = address_of(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False) if found.version == 6 else found)
