"""The page on which a SYSADMIN says whether a role needs a second factor."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.http.page_requests import render_page
from console.presenters.role_second_factors import needed_second_factor
from console.security.access import ConsoleRequest, author, confirmed, require
from orgs.actions import roles
from orgs.models import Role
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ADMIN)
@confirmed
def second_factor(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Show whom it concerns; then say that holders of the role need a second factor, or need none any more."""
    role = get_object_or_404(Role, pk=pk)
    if request.method != "POST":
        context = {"role": role, "needs": needed_second_factor(role, request.user)}
        return render_page(request, "roles/second_factor.html", context)
    needed = request.POST.get("needed") == "yes"
    roles.require_second_factor(role=role, needed=needed, by=author(request), at=timezone.now())
    text = (
        _("Whoever has the role %(role)s needs a second factor from now on.")
        if needed
        else _("The role %(role)s needs no second factor any more.")
    )
    messages.success(request, text % {"role": role.name})
    return redirect("roles:detail", pk=role.pk)
