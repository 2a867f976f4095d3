"""The list of alerts, and dismissing an alert."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from console.http.page_requests import render_page
from console.listing.filters.alerts import AlertFilter
from console.listing.listing import show_list
from console.listing.tables.alerts import AlertTable
from console.security.access import ConsoleRequest, require
from directory.actions import alerts
from directory.models import Alert
from orgs.permissions import Permission


@require_safe
@require(Permission.SYSTEM)
def alert_list(request: ConsoleRequest) -> HttpResponse:
    """Show alerts, open ones first."""
    visible_alerts = Alert.objects.visible_to(request.user).select_related("dismissed_by").open_first()
    listing = show_list(request, visible_alerts, table=AlertTable, filters=AlertFilter)
    return render_page(request, "alerts/list.html", {"listing": listing}, fragments=("alert-list",))


@require_POST
@require(Permission.SYSTEM)
def alert_dismiss(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Dismiss an alert."""
    alert = get_object_or_404(Alert.objects.visible_to(request.user), pk=pk)
    alerts.dismiss(alert=alert, by=request.user, at=timezone.now())
    messages.success(request, _("The alert is dismissed."))
    return redirect("alerts:list")
