"""What every request and answer shares: headers, the viewer's time zone, the menu, and fragments of pages."""

from __future__ import annotations

import functools
import socket
import zoneinfo
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_htmx.middleware import HtmxDetails

from console.presenters import status
from orgs.permissions import Permission

TIME_ZONE_COOKIE = "time_zone"

# What Django and django-csp leave out; it stands on every answer, static files and errors too.
HEADERS = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line of the menu; ``icon`` is the name of a lucide icon, ``current`` marks the area that is open.

    ``watched`` marks where the problems of Rollcall itself are told.
    """

    label: str | Promise
    address: str
    icon: str
    current: bool
    watched: bool = False


class PageRequest(HttpRequest):
    """A request as the middleware leaves it (for types only)."""

    htmx: HtmxDetails
    csp_nonce: str


class HeadersMiddleware:
    """Puts our headers on every answer, and keeps what only some may see out of every cache."""

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
    """Refuses the NUL character, which PostgreSQL can't store and nobody types, before anything looks for it there."""

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
    """Shows times in the viewer's zone, which the browser puts into a cookie; unknown zones count for nothing."""

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
    # Looked up once: reading the list from the disk takes 30 ms.
    return frozenset(zoneinfo.available_timezones())


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Give every template its ``menu``: what the viewer's roles allow, nothing when nobody is signed in.

    ``alarms`` say what is wrong with Rollcall itself. Both are made once a page, where a template asks for them: cells
    of tables are templates too.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"menu": []}
    return {
        "menu": functools.cache(lambda: [_menu_item(request, page) for page in _MENU if user.may(page.permission)]),
        "alarms": functools.cache(lambda: status.alarms(user, at=timezone.now())),
    }


class _MenuPage(NamedTuple):
    """A page of the menu, by the name of its address."""

    label: Promise
    name: str
    icon: str
    permission: Permission


_MENU = (
    _MenuPage(_("Dashboard"), "dashboard", "layout-dashboard", Permission.CONSOLE_LOGIN),
    _MenuPage(_("Users"), "users:list", "users", Permission.USER_READ),
    _MenuPage(_("Devices"), "devices:list", "monitor", Permission.COMPUTER_READ),
    _MenuPage(_("Orgs"), "orgs:list", "building-2", Permission.ORG_READ),
    _MenuPage(_("Roles"), "roles:list", "key-round", Permission.USER_READ),
    _MenuPage(_("Legal holds"), "legal_holds:list", "gavel", Permission.ALL_USER_READ),
    _MenuPage(_("LDAP"), "ldap_servers:list", "network", Permission.SYSTEM),
    _MenuPage(_("History"), "runs:list", "history", Permission.SYSTEM),
    _MenuPage(_("Alerts"), "alerts:list", "bell", Permission.SYSTEM),
    _MenuPage(_("Status"), "status", "activity", Permission.SYSTEM),
    _MenuPage(_("Notifications"), "notifications:form", "mail", Permission.SYSTEM),
    _MenuPage(_("Audit"), "audit:list", "scroll-text", Permission.SYSTEM),
    _MenuPage(_("Data fixes"), "data-fixes:index", "wrench", Permission.ADMIN),
)


def _menu_item(request: HttpRequest, page: _MenuPage) -> MenuItem:
    address = reverse(page.name)
    current = request.path == address if page.name == "dashboard" else request.path.startswith(address)
    return MenuItem(page.label, address, page.icon, current=current, watched=page.name == "status")


def browser_has_gone(request: HttpRequest) -> bool:
    """Return whether the browser has closed its connection, as far as the web server lets that be seen (gunicorn does)."""
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

    ``fragments`` names the parts (``{% partialdef name %}``) that may be requested; anything else is the whole page.
    """
    fragment = request.htmx.target if request.htmx and not request.htmx.history_restore_request else None
    name = f"{template}#{fragment}" if fragment in fragments else template
    response = render(request, name, dict(context))
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
