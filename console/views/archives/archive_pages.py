"""The list of archives and its export, the bytes of each org, and what is due in the next days."""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.exports import csv_file
from console.listing.filters.archives import ArchiveFilter
from console.listing.listing import Listing, show_list, show_table
from console.listing.tables.archives import ArchiveTable, OrgBytesTable
from console.presenters.archives.bytes_by_org import bytes_by_org
from console.presenters.archives.due_soon import due_soon
from console.security.access import ConsoleRequest, require
from orgs.models import Archive
from orgs.models.archives import ArchiveQuerySet
from orgs.permissions import Permission

# The columns of the export, with their fields.
_COLUMNS = {
    "device": "device__name",
    "guid": "device__guid",
    "user": "device__user__username",
    "org": "device__user__org__name",
    "state": "state",
    "on_hold": "on_hold",
    "size_bytes": "size_bytes",
    "created_at": "created_at",
    "cold_since": "cold_since",
    "expires_at": "expires_at",
    "purge_at": "purge_at",
}
_ORG_COLUMNS = ("org", "with_below", "own", "live", "cold", "expired", "archives")


@require_safe
@require(Permission.COMPUTER_READ)
def archive_list(request: ConsoleRequest) -> HttpResponse:
    """Show the filtered archives in the viewer's scope."""
    archives = _visible(request).select_related("device__user__org")
    listing = show_list(request, archives, table=ArchiveTable, filters=ArchiveFilter, export=reverse("archives:export"))
    return render_page(request, "archives/list.html", {"listing": listing}, fragments=("archive-list",))


@require_safe
@require(Permission.COMPUTER_READ)
def archive_export(request: ConsoleRequest) -> StreamingHttpResponse:
    """Return the filtered archives as CSV."""
    chosen = ArchiveFilter(request.GET, queryset=_visible(request), request=request).qs
    rows = chosen.order_by("device__name", "pk").values_list(*_COLUMNS.values()).iterator(chunk_size=1000)
    return csv_file("archives.csv", tuple(_COLUMNS), rows)


@require_safe
@require(Permission.COMPUTER_READ)
def by_org(request: ConsoleRequest) -> HttpResponse:
    """Show the bytes of each org in the viewer's scope."""
    rows = bytes_by_org(request.user)
    table = show_table(request, OrgBytesTable(rows))
    listing = Listing(table=table, export=reverse("archives:by-org-export"))
    sums = {name: sum(getattr(row, name) for row in rows) for name in ("own", "live", "cold", "expired", "archives")}
    context = {"listing": listing, "sums": sums, "orgs": sum(1 for row in rows if row.archives)}
    return render_page(request, "archives/by_org.html", context, fragments=("org-bytes",))


@require_safe
@require(Permission.COMPUTER_READ)
def by_org_export(request: ConsoleRequest) -> StreamingHttpResponse:
    """Return the bytes of each org as CSV."""
    rows = bytes_by_org(request.user)
    cells = ([row.name, *(getattr(row, name) for name in _ORG_COLUMNS[1:])] for row in rows)
    return csv_file("bytes-by-org.csv", _ORG_COLUMNS, cells)


@require_safe
@require(Permission.COMPUTER_READ)
def due(request: ConsoleRequest) -> HttpResponse:
    """Show what expires and what is purged in the next days, in the viewer's scope."""
    return render_page(request, "archives/due.html", {"due": due_soon(request.user, at=timezone.now())})


def _visible(request: ConsoleRequest) -> ArchiveQuerySet:
    found: ArchiveQuerySet = Archive.objects.visible_to(request.user).with_hold()
    return found
