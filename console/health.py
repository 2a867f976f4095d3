"""Answers health checks of load balancers and monitoring: for the console, and for everything that a sync needs."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from directory.status import database, sync_readiness

ADDRESS = "/healthz"
SYNC_ADDRESS = "/healthz/sync"


class HealthMiddleware:
    """Answers ``/healthz`` and ``/healthz/sync`` before all other middleware.

    Health checks come without our host name, without HTTPS and without a password.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path not in {ADDRESS, SYNC_ADDRESS}:
            return self.get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        well, words = _console() if request.path == ADDRESS else _sync()
        answer = HttpResponse(words, content_type="text/plain", status=200 if well else 503)
        answer["Cache-Control"] = "no-store"
        return answer


def _console() -> tuple[bool, str]:
    well = database.answers()
    return well, "ok" if well else "not ok"


def _sync() -> tuple[bool, str]:
    """Return whether a sync can run, and one line for each part: its name and a word."""
    parts = sync_readiness.parts(at=timezone.now())
    words = "".join(f"{name} {word}\n" for name, word in parts.items())
    return all(word == sync_readiness.OK for word in parts.values()), words
