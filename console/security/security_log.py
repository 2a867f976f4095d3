"""Logs one line for each refused request; no value can forge a line or a field."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden

from console.security.client_address import client_address

log = logging.getLogger("rollcall.security")

# The event to log for the status of a response to a signed-in user.
_ACTIONS = {
    403: "not allowed",
    404: "not there, or outside what this user may see",
}


class Noted(HttpResponseForbidden):
    """A refusal that is logged already."""


def note(event: str, request: HttpRequest, **facts: object) -> None:
    """Log one line; values from the request are quoted and escaped."""
    note_from(event, client_address(request), **facts)


def note_from(event: str, address: str, **facts: object) -> None:
    """Log one line about a client of this address."""
    about = {"address": address, **facts}
    log.warning("SECURITY:: %s %s", event, ", ".join(f"{name}:{_quoted(value)}" for name, value in about.items()))


def _quoted(value: object) -> str:
    return json.dumps(str(value)[:200], ensure_ascii=False)


class SecurityLogMiddleware:
    """Logs requests for pages that the user may not open, and for objects that are hidden from them or do not exist."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 400:
            note("request refused", request, method=request.method, path=request.path)
        elif (action := _ACTIONS.get(response.status_code)) and not isinstance(response, Noted):
            user = getattr(request, "user", None)
            # Log only addresses that match a page of objects: a mistyped address is not an attack.
            if user is not None and user.is_authenticated and request.resolver_match is not None:
                note(action, request, user=user.get_username(), method=request.method, path=request.path)
        return response
