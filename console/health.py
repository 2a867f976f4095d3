"""Answers load balancers: is Rollcall there, and does its database answer?"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from directory.status import database

ADDRESS = "/healthz"


class HealthMiddleware:
    """Answers ``/healthz`` before anything else does: who asks knows no host name of ours, no HTTPS and no password."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != ADDRESS:
            return self.get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        well = database.answers()
        answer = HttpResponse("ok" if well else "not ok", content_type="text/plain", status=200 if well else 503)
        answer["Cache-Control"] = "no-store"
        return answer
