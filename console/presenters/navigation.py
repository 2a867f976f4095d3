"""Presents the menu and the alarms of every page."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.presenters import status
from console.security.second_factors.required_by_role import is_missing
from orgs.models import User
from orgs.permissions import Permission
from orgs.rules.restore_rights import SOME_RESTORES


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line of the menu; ``icon`` is the name of a lucide icon, ``current`` marks the open area.

    ``watched`` marks the page that shows the problems of Rollcall itself.
    """

    label: str | Promise
    address: str
    icon: str
    current: bool
    watched: bool = False


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """Lines of the menu under one title; the first and the last group have none."""

    title: str | Promise
    items: list[MenuItem]


class _MenuPage(NamedTuple):
    """A page in the menu, with the name of its URL."""

    label: Promise
    name: str
    icon: str
    permission: Permission
    others: tuple[Permission, ...] = ()

    def is_open_to(self, user: User) -> bool:
        """Return whether the menu of this user has the page: by its permission, or by one of the others."""
        return any(user.may(each) for each in (self.permission, *self.others))


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return ``menu``, groups of the pages that the viewer's roles allow (empty if nobody is signed in), and ``alarms``.

    ``alarms`` are problems of Rollcall itself. Both are lazy, and computed once for a page: cells of tables are
    templates too, and do not need them.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"menu": []}
    if is_missing(request):
        return {"menu": [], "needs_second_factor": True}
    return {
        "menu": functools.cache(lambda: _groups(request, user)),
        "alarms": functools.cache(lambda: status.alarms(user, at=timezone.now())),
    }


_MENU: tuple[tuple[str | Promise, tuple[_MenuPage, ...]], ...] = (
    (
        "",
        (
            _MenuPage(_("Dashboard"), "dashboard", "layout-dashboard", Permission.CONSOLE_LOGIN),
            _MenuPage(_("Alerts"), "alerts:list", "bell", Permission.SYSTEM),
            _MenuPage(_("History"), "runs:list", "history", Permission.SYSTEM),
        ),
    ),
    (
        _("People"),
        (
            _MenuPage(_("Users"), "users:list", "users", Permission.USER_READ),
            _MenuPage(_("Bulk acts"), "bulk_acts:list", "list-checks", Permission.USER_READ),
            _MenuPage(_("Devices"), "devices:list", "monitor", Permission.COMPUTER_READ),
            _MenuPage(_("Archives"), "archives:list", "archive", Permission.COMPUTER_READ),
            _MenuPage(_("Restore files"), "restores:list", "archive-restore", SOME_RESTORES[0], SOME_RESTORES[1:]),
            _MenuPage(_("Deployment"), "deployment:list", "monitor-down", Permission.COMPUTER_READ),
            _MenuPage(_("Orgs"), "orgs:list", "building-2", Permission.ORG_READ),
            _MenuPage(_("Roles"), "roles:list", "key-round", Permission.USER_READ),
            _MenuPage(_("Legal holds"), "legal_holds:list", "gavel", Permission.USER_READ),
        ),
    ),
    (
        _("Settings"),
        (
            _MenuPage(_("Security: LDAP"), "ldap_servers:list", "network", Permission.SYSTEM),
            _MenuPage(_("Notifications"), "notifications:form", "mail", Permission.SYSTEM),
            _MenuPage(_("Status"), "status", "activity", Permission.SYSTEM),
            _MenuPage(_("Audit"), "audit:list", "scroll-text", Permission.SYSTEM),
        ),
    ),
    ("", (_MenuPage(_("Data fixes"), "data-fixes:index", "wrench", Permission.ADMIN),)),
)


def _groups(request: HttpRequest, user: User) -> list[MenuGroup]:
    """Return the groups that have a page for this user."""
    groups = [
        MenuGroup(title, [_menu_item(request, page) for page in pages if page.is_open_to(user)])
        for title, pages in _MENU
    ]
    return [group for group in groups if group.items]


def _menu_item(request: HttpRequest, page: _MenuPage) -> MenuItem:
    address = reverse(page.name)
    current = request.path == address if page.name == "dashboard" else request.path.startswith(address)
    return MenuItem(page.label, address, page.icon, current=current, watched=page.name == "status")
