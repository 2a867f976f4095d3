"""The dashboard: what needs attention, and the present counts."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.security.access import ConsoleRequest, require
from directory.actions import due_runs
from directory.models import Alert, Run
from orgs.models import User
from orgs.permissions import Permission


@require_safe
@require(Permission.CONSOLE_LOGIN)
def dashboard(request: ConsoleRequest) -> HttpResponse:
    """Show the alerts, runs and counts that the viewer may see."""
    viewer = request.user
    runs = Run.objects.visible_to(viewer).newest_first().prefetch_related("readings")
    context = {
        "alerts": Alert.objects.visible_to(viewer).open()[:5],
        "last_runs": runs[:5],
        "next_run": min(due_runs.next_runs(at=timezone.now()).values(), default=None)
        if viewer.may(Permission.SYSTEM)
        else None,
        "counts": User.objects.visible_to(viewer).counts_by_state() if viewer.may(Permission.USER_READ) else None,
        "runs_visible": viewer.may(Permission.SYSTEM),
        "devices": viewer.devices.prefetch_related("archives").order_by("name", "pk"),
    }
    return render_page(request, "dashboard/detail.html", context)
