"""The list of roles, and the page of a role with its permissions."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.filters.roles import RoleFilter
from console.listing.listing import show_list
from console.listing.tables.roles import RoleTable
from console.presenters.permission_grid import grid
from console.security.access import ConsoleRequest, require
from orgs.models import Role, RoleGrant
from orgs.permissions import Permission


@require_safe
@require(Permission.USER_READ)
def role_list(request: ConsoleRequest) -> HttpResponse:
    """Show the roles, with their members among the users that the viewer may see."""
    roles = Role.objects.with_member_counts(RoleGrant.objects.visible_to(request.user))
    listing = show_list(request, roles, table=RoleTable, filters=RoleFilter)
    return render_page(request, "roles/list.html", {"listing": listing}, fragments=("role-list",))


@require_safe
@require(Permission.USER_READ)
def role_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one role's permissions."""
    role = get_object_or_404(Role.objects.with_member_counts(RoleGrant.objects.visible_to(request.user)), pk=pk)
    return render_page(request, "roles/detail.html", {"role": role, "areas": grid(role.permissions)})
