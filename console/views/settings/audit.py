"""The audit trail and its export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.exports import csv_file
from console.listing.filters.audit import AuditFilter
from console.listing.listing import show_list
from console.listing.tables.audit import AuditTable
from console.security.access import ConsoleRequest, require
from orgs.models import AuditEntry
from orgs.models.audit import AuditEntryQuerySet
from orgs.permissions import Permission

_COLUMNS = ("at", "who", "run", "action", "kind", "id", "object", "before", "after", "bulk_act")


@require_safe
@require(Permission.SYSTEM)
def audit_list(request: ConsoleRequest) -> HttpResponse:
    """Show the filtered audit trail."""
    listing = show_list(
        request, _listed(request), table=AuditTable, filters=AuditFilter, export=reverse("audit:export")
    )
    return render_page(request, "audit/list.html", {"listing": listing}, fragments=("audit-list",))


@require_safe
@require(Permission.SYSTEM)
def audit_export(request: ConsoleRequest) -> StreamingHttpResponse:
    """Return the filtered entries as CSV."""
    return csv_file("audit.csv", _COLUMNS, _rows(AuditFilter(request.GET, queryset=_listed(request)).qs))


def _listed(request: ConsoleRequest) -> AuditEntryQuerySet:
    return AuditEntry.objects.visible_to(request.user).newest_first()


def _rows(entries: AuditEntryQuerySet) -> Iterator[list[Any]]:
    for entry in entries.iterator(chunk_size=1000):
        what = [entry.action, entry.object_type, entry.object_id, entry.object_label]
        change = [json.dumps(entry.before), json.dumps(entry.after)]
        yield [entry.at, entry.actor_label, entry.run_id, *what, *change, entry.bulk_act_id]
