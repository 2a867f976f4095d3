"""The list of users, its export, and declaring a username another person's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.http.page_requests import render_page
from console.listing.exports import csv_file
from console.listing.filters.chosen_users import chosen_users
from console.listing.filters.users import UserFilter
from console.listing.listing import show_list
from console.listing.tables.users import UserTable
from console.presenters.bulk_acts.act_kinds import offered_kinds
from console.security.access import ConsoleRequest, confirmed, require
from console.views.acts import carry_out
from console.views.users.user_access import managed_user
from directory.actions.users import namesake_usernames
from directory.input_errors import Refused
from orgs.models import RoleGrant, User
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
# The fields of the columns, in order, without roles: a user has several, so they are read separately.
_STORED = tuple({"org": "org__name", "created": "created_at"}.get(name, name) for name in _COLUMNS if name != "roles")
_ROLES = _COLUMNS.index("roles")


@require_safe
@require(Permission.USER_READ)
def user_list(request: ConsoleRequest) -> HttpResponse:
    """Show the filtered users in the viewer's scope."""
    # Prefetch roles as lists: a query set for each row takes longer than everything else about roles.
    users = _listed(request).prefetch_related(None).prefetch_related(Prefetch("roles", to_attr="listed_roles"))
    listing = show_list(request, users, table=UserTable, filters=UserFilter, export=reverse("users:export"))
    context = {"listing": listing, "kinds": offered_kinds(request.user)}
    return render_page(request, "users/list.html", context, fragments=("user-list",))


@require_safe
@require(Permission.USER_READ)
def user_export(request: ConsoleRequest) -> StreamingHttpResponse:
    """Return the filtered users as CSV."""
    chosen = UserFilter(request.GET, queryset=_listed(request), request=request).qs.order_by("username_key", "pk")
    return csv_file("users.csv", _COLUMNS, _rows(chosen))


@require_POST
@require(Permission.USER_READ)
def chosen_export(request: ConsoleRequest) -> HttpResponseBase:
    """Return the users who were chosen in the list as CSV."""
    try:
        chosen, _filters = chosen_users(request)
    except Refused as reason:
        messages.error(request, str(reason))
        return HttpResponseRedirect(reverse("users:list"))
    return csv_file(
        "users.csv", _COLUMNS, _rows(chosen.with_hold().select_related("org").order_by("username_key", "pk"))
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
@confirmed
def another_person(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Ask; then free the username, because another person has it now."""
    user = managed_user(request, pk)
    if request.method != "POST":
        context = {"subject": user, "doubt": namesake_usernames.doubt(user)}
        return render_page(request, "users/another_person.html", context)
    words = _("This account is called %(name)s from now on, and the username %(username)s is free.")
    return carry_out(
        request,
        partial(namesake_usernames.free_username, user_id=user.pk),
        done=lambda name: words % {"name": name, "username": user.username},
        back=reverse("users:detail", args=[user.pk]),
    )


def _listed(request: ConsoleRequest) -> UserQuerySet:
    users: UserQuerySet = User.objects.visible_to(request.user).with_hold()
    return users.select_related("org").prefetch_related("roles")


def _rows(users: UserQuerySet) -> Iterator[list[Any]]:
    """Yield rows of plain values: model objects would take several times as long."""
    values = users.prefetch_related(None).values_list("pk", *_STORED).iterator(chunk_size=1000)
    while part := list(islice(values, 1000)):
        roles = RoleGrant.objects.names_of([row[0] for row in part])
        for pk, *row in part:
            yield [*row[:_ROLES], roles.get(pk, []), *row[_ROLES:]]
