"""The page Status: database, Redis, workers, runs, LDAP servers, mail, safety."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.presenters.status import status_page
from console.security.access import ConsoleRequest, require
from orgs.permissions import Permission


@require_safe
@require(Permission.SYSTEM)
def status(request: ConsoleRequest) -> HttpResponse:
    """Show the state of every part of Rollcall, and what to do about problems."""
    return render_page(request, "status/detail.html", {"page": status_page(at=timezone.now())}, fragments=("status",))
