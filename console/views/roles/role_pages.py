"""The list of roles, the page of a role with its permissions and members, and who can do one thing."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from console.elements.permission_words import OFTEN_LOOKED_FOR, SENTENCES, choices
from console.http.page_requests import render_page
from console.listing.filters.roles import HolderFilter, RoleFilter
from console.listing.listing import show_list
from console.listing.tables.role_members import PermissionHolderTable, RoleMemberTable
from console.listing.tables.roles import RoleTable
from console.presenters.permission_grid import grid
from console.presenters.roles import powers
from console.presenters.roles.grant_origins import grant_origins
from console.presenters.roles.reach import where
from console.presenters.roles.role_card import uses_of
from console.security.access import ConsoleRequest, require
from orgs.models import Role, RoleGrant, User
from orgs.permissions import Permission


@require_safe
@require(Permission.USER_READ)
def role_list(request: ConsoleRequest) -> HttpResponse:
    """Show the roles, with their members among the users that the viewer may see."""
    roles = Role.objects.with_member_counts(RoleGrant.objects.visible_to(request.user))
    listing = show_list(request, roles, table=RoleTable, filters=RoleFilter)
    context = {"listing": listing, "choices": choices(), "often": OFTEN_LOOKED_FOR}
    return render_page(request, "roles/list.html", context, fragments=("role-list",))


@require_safe
@require(Permission.USER_READ)
def role_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one role's permissions, and its members with where the role comes from."""
    role = get_object_or_404(Role.objects.with_member_counts(RoleGrant.objects.visible_to(request.user)), pk=pk)
    grants = RoleGrant.objects.visible_to(request.user).filter(role=role).select_related("user__org", "role")
    listing = show_list(request, grants.order_by("user__username_key", "pk"), table=RoleMemberTable)
    found = grant_origins([row.record for row in listing.table.paginated_rows])
    listing.table.origins = {pk: (origin.words, origin.run_id) for pk, origin in found.items()}
    listing.table.runs_linked = request.user.may(Permission.SYSTEM)
    context: dict[str, Any] = {"role": role, "areas": grid(role.permissions), "listing": listing}
    if request.user.may(Permission.SYSTEM):
        context["uses"] = uses_of(role, request.user)
    return render_page(request, "roles/detail.html", context, fragments=("role-members",))


@require_safe
@require(Permission.USER_READ)
def permission_holders(request: ConsoleRequest) -> HttpResponse:
    """Show which roles and users can do one thing, and where."""
    wanted = request.GET.get("permission", "")
    context: dict[str, Any] = {"choices": choices(), "often": OFTEN_LOOKED_FOR}
    if wanted in set(Permission):
        giving = powers.roles_that_give(wanted)
        users = powers.holders_of(giving, request.user).with_hold().select_related("org")
        listed = users.prefetch_related(Prefetch("roles", to_attr="listed_roles")).order_by("username_key", "pk")
        listing = show_list(request, listed, table=PermissionHolderTable, filters=HolderFilter)
        listing.table.giving, listing.table.reach = giving, partial(_where, wanted)
        context |= {"wanted": wanted, "sentence": SENTENCES[Permission(wanted)], "giving": giving, "listing": listing}
    return render_page(request, "roles/permission_holders.html", context, fragments=("permission-holders",))


def _where(key: str, user: User, roles: list[Role]) -> str:
    return where(user, key, roles)
