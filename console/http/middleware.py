"""Our own middleware: headers of every response, no NUL characters, the viewer's time zone."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

TIME_ZONE_COOKIE = "time_zone"


# Headers that Django and django-csp do not set; for every response, also of static files and errors.
HEADERS = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class HeadersMiddleware:
    """Sets our headers on every response, and keeps private responses out of all caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class NullMiddleware:
    """Refuses requests with NUL characters, which nobody types: a query with one fails on PostgreSQL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = [
            request.path_info,
            request.META.get("QUERY_STRING", "").replace("%00", "\0"),
            *request.COOKIES.values(),
        ]
        if any("\0" in text for text in given):
            raise BadRequest("There is a NUL character in the address or in a cookie.")
        return self.get_response(request)


class TimeZoneMiddleware:
    """Shows times in the viewer's time zone, which the browser sends in a cookie; ignores unknown zones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = _zone(request.COOKIES.get(TIME_ZONE_COOKIE, ""))
        if zone is None:
            return self.get_response(request)
        with timezone.override(zone):
            return self.get_response(request)


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    return zoneinfo.ZoneInfo(name) if name in _zone_names() else None


@functools.cache
def _zone_names() -> frozenset[str]:
    # Cached: reading the list from the disk takes 30 ms.
    return frozenset(zoneinfo.available_timezones())
