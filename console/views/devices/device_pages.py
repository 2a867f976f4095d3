"""The list of devices, its export, and the page of a device with its archives."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.exports import csv_file
from console.listing.filters.devices import DeviceFilter
from console.listing.listing import show_list
from console.listing.tables.audit import AuditTable
from console.listing.tables.devices import DeviceTable
from console.presenters.devices import device_page
from console.security.access import ConsoleRequest, require
from orgs.models import AuditEntry, Device
from orgs.models.devices import DeviceQuerySet
from orgs.permissions import Permission

_COLUMNS = ("name", "guid", "user", "org", "os", "app_version", "active", "blocked", "authorized", "last_connected")
# The fields of the columns, in order.
_STORED = tuple({"user": "user__username", "org": "user__org__name"}.get(name, name) for name in _COLUMNS)


@require_safe
@require(Permission.COMPUTER_READ)
def device_list(request: ConsoleRequest) -> HttpResponse:
    """Show the filtered devices in the viewer's scope."""
    # Sizes are summed for the shown page only: in the query, the database would also sum those of all earlier rows.
    devices = _visible(request).prefetch_related(Prefetch("archives", to_attr="listed_archives"))
    listing = show_list(request, devices, table=DeviceTable, filters=DeviceFilter, export=reverse("devices:export"))
    return render_page(request, "devices/list.html", {"listing": listing}, fragments=("device-list",))


@require_safe
@require(Permission.COMPUTER_READ)
def device_export(request: ConsoleRequest) -> StreamingHttpResponse:
    """Return the filtered devices as CSV."""
    chosen = DeviceFilter(request.GET, queryset=_visible(request), request=request).qs.order_by("name", "pk")
    # Plain values: model objects would take several times as long.
    rows = chosen.values_list(*_STORED).iterator(chunk_size=1000)
    return csv_file("devices.csv", _COLUMNS, rows)


@require_safe
@require(Permission.COMPUTER_READ)
def device_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one device: its facts, archives, and what happened to it."""
    device = _one(request, pk)
    context = {
        "overview": device_page.overview(device),
        "may_extend": request.user.may_in(Permission.COMPUTER, device.user.org),
        "now": timezone.now(),
    }
    return _show(request, device, "detail", context)


@require_safe
@require(Permission.SYSTEM)
def device_audit(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the audit entries about a device and its archives."""
    device = _one(request, pk)
    entries = AuditEntry.objects.visible_to(request.user).filter(device_page.about(device)).newest_first()
    return _show(request, device, "audit", {"listing": show_list(request, entries, table=AuditTable)})


def _one(request: ConsoleRequest, pk: int) -> Device:
    found: Device = get_object_or_404(_visible(request).select_related("in_place_of"), pk=pk)
    return found


def _show(request: ConsoleRequest, device: Device, tab: str, context: dict[str, Any]) -> HttpResponse:
    """Render one tab below the head of the page."""
    head = device_page.device_head(device, request.user, tab=tab)
    return render_page(
        request, f"devices/{tab}.html", {"device": device, "head": head, **context}, fragments=("audit-list",)
    )


def _visible(request: ConsoleRequest) -> DeviceQuerySet:
    found: DeviceQuerySet = Device.objects.visible_to(request.user).select_related("user__org")
    return found
