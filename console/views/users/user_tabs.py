"""The page of a user, one view a tab: overview, roles, devices, legal holds, history, audit."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.listing import show_list
from console.listing.tables.audit import AuditTable
from console.presenters.accounts import account_card, session_rows
from console.presenters.users import user_page
from console.presenters.users.history import Shown, UserHistory
from console.presenters.users.role_origins import role_origins
from console.security.access import ConsoleRequest, require
from orgs.models import AuditEntry, User
from orgs.permissions import Permission


@require_safe
@require(Permission.USER_READ)
def user_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the overview of one user."""
    user = _visible(request, pk)
    context: dict[str, Any] = {"overview": user_page.overview(user, request.user)}
    if User.objects.managed_by(request.user).filter(pk=user.pk).exists():
        context |= {"access": account_card(user), "sessions": session_rows(user, at=timezone.now())}
    return _show(request, user, "detail", context)


@require_safe
@require(Permission.USER_READ)
def user_roles(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show a user's roles, each with where it comes from."""
    user = _visible(request, pk)
    return _show(request, user, "roles", {"roles": role_origins(user)})


@require_safe
@require(Permission.COMPUTER_READ)
def user_devices(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show a user's devices and archives."""
    user = _visible(request, pk)
    return _show(request, user, "devices", {"table": user_page.device_table(user, request.user)})


@require_safe
@require(Permission.USER_READ)
def user_holds(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the legal holds that a user is or was on."""
    user = _visible(request, pk)
    return _show(request, user, "holds", {"shown": user_page.legal_holds(user, request.user)})


@require_safe
@require(Permission.USER_READ)
def user_history(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show what runs and people did to a user, on one time line."""
    user = _visible(request, pk)
    shown = Shown(simulations="simulations" in request.GET, unchanged="unchanged" in request.GET)
    page = UserHistory(user, request.user, shown).page(request.GET.get("page", "1"))
    return _show(request, user, "history", {"page": page, "shown": shown})


@require_safe
@require(Permission.SYSTEM)
def user_audit(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the audit entries about a user, and of what the user did."""
    user = _visible(request, pk)
    of_user = Q(object_type="user", object_id=user.pk) | Q(actor_label=user.username, actor=user)
    entries = AuditEntry.objects.visible_to(request.user).filter(of_user).newest_first()
    return _show(request, user, "audit", {"listing": show_list(request, entries, table=AuditTable)})


def _visible(request: ConsoleRequest, pk: int) -> User:
    users = User.objects.visible_to(request.user).with_hold().select_related("org").prefetch_related("roles")
    found: User = get_object_or_404(users, pk=pk)
    return found


def _show(request: ConsoleRequest, user: User, tab: str, context: dict[str, Any]) -> HttpResponse:
    """Render one tab below the head of the page."""
    head = user_page.user_head(user, request.user, tab=tab)
    return render_page(
        request, f"users/{tab}.html", {"subject": user, "head": head, **context}, fragments=("audit-list",)
    )
