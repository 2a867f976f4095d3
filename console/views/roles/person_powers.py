"""What one person can do, and where."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.presenters.roles.powers import powers_of
from console.security.access import ConsoleRequest, require
from orgs.models import User
from orgs.permissions import Permission


@require_safe
@require(Permission.USER_READ)
def person_powers(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show each permission of a user with the roles that it comes from and the orgs that it reaches."""
    user = get_object_or_404(User.objects.visible_to(request.user).with_hold().select_related("org"), pk=pk)
    return render_page(request, "roles/person_powers.html", {"subject": user, "areas": powers_of(user)})
