"""Where a user goes after signing in or confirming: to the page that they wanted, if it is a page of this console."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode


def parameter(request: HttpRequest) -> str:
    """Return the address as the request has it, which anybody may have made up."""
    return request.POST.get("next") or request.GET.get("next") or ""


def next_address(request: HttpRequest) -> str:
    """Return the address to go to; the dashboard if the request has none, or one of another site."""
    address = parameter(request)
    # A path without a leading slash would be relative to the sign-in page.
    if address.startswith("/") and url_has_allowed_host_and_scheme(address, None, require_https=request.is_secure()):
        return address
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def keeping_next(request: HttpRequest, name: str) -> str:
    """Return the address of a page of signing in that goes on to the same address."""
    address = parameter(request)
    return resolve_url(name) + (f"?{urlencode({'next': address})}" if address else "")
