"""The type of requests behind the middleware, and the rendering of a page, whole or in part."""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

# The status that makes htmx stop polling.
STOP_POLLING = 286


class PageRequest(HttpRequest):
    """A request with the attributes that middleware adds (for types only)."""

    htmx: HtmxDetails
    csp_nonce: str


def browser_has_gone(request: HttpRequest) -> bool:
    """Return whether the browser has closed its connection; False if the web server can't show it (gunicorn can)."""
    connection = request.META.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        return bool(connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"")
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True


def render_page(
    request: PageRequest, template: str, context: Mapping[str, Any], *, fragments: Collection[str] = ()
) -> HttpResponse:
    """Render a page, or only the part that htmx requests by the id of the element to be replaced.

    ``fragments`` names the parts (``{% partialdef name %}``) that may be requested; other requests get the whole page.
    """
    fragment = request.htmx.target if request.htmx and not request.htmx.history_restore_request else None
    name = f"{template}#{fragment}" if fragment in fragments else template
    response = render(request, name, dict(context))
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
