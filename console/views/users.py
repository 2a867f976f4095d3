"""Users: the list, its export, and everything about one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from console.access import ConsoleRequest, require
from console.exports import csv_file
from console.filters.users import UserFilter
from console.http import render_page
from console.lists import show_list
from console.tables.users import UserTable
from console.user_page import user_card
from orgs.models import User
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission

_COLUMNS = (
    "username",
    "email",
    "first_name",
    "last_name",
    "org",
    "roles",
    "active",
    "deactivated_by",
    "deactivated_at",
    "blocked",
    "blocked_by",
    "blocked_at",
    "pending",
    "on_hold",
    "managed_locally",
    "created",
)


@require_safe
@require(Permission.USER_READ)
def user_list(request: ConsoleRequest) -> HttpResponse:
    """Show the users in the viewer's part, filtered."""
    listing = show_list(request, _listed(request), table=UserTable, filters=UserFilter, export=reverse("users:export"))
    return render_page(request, "users/list.html", {"listing": listing}, fragments=("user-list",))


@require_safe
@require(Permission.USER_READ)
def user_export(request: ConsoleRequest) -> StreamingHttpResponse:
    """Return the users that the filters leave as CSV."""
    chosen = UserFilter(request.GET, queryset=_listed(request), request=request).qs.order_by("username_key", "pk")
    return csv_file("users.csv", _COLUMNS, _rows(chosen))


@require_safe
@require(Permission.USER_READ)
def user_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one user."""
    user = get_object_or_404(_listed(request).select_related("match__server"), pk=pk)
    context = {"subject": user, "card": user_card(user, request.user, request)}
    return render_page(request, "users/detail.html", context, fragments=("user-history",))


def _listed(request: ConsoleRequest) -> UserQuerySet:
    users: UserQuerySet = User.objects.visible_to(request.user).with_hold()
    return users.select_related("org").prefetch_related("roles")


def _rows(users: UserQuerySet) -> Iterator[list[Any]]:
    for user in users.iterator(chunk_size=1000):
        yield [
            user.username,
            user.email,
            user.first_name,
            user.last_name,
            user.org.name,
            sorted(role.name for role in user.roles.all()),
            user.active,
            user.deactivated_by,
            user.deactivated_at,
            user.blocked,
            user.blocked_by,
            user.blocked_at,
            user.pending,
            user.on_hold,  # type: ignore[attr-defined]  # annotated by with_hold
            user.managed_locally,
            user.created_at,
        ]
