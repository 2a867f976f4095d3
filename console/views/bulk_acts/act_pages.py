"""The list of acts on many users, the page of one with its progress and results, and its cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from console.http.page_requests import STOP_POLLING, render_page
from console.listing.exports import csv_file
from console.listing.filters.bulk_acts import BulkActFilter, BulkResultFilter
from console.listing.listing import show_list
from console.listing.tables.bulk_acts import BulkActTable, BulkResultTable
from console.presenters.bulk_acts.act_page import act_page, visible_rows
from console.security.access import ConsoleRequest, require
from console.views.acts import carry_out
from directory.actions.bulk import confirmation
from directory.models import BulkAct, BulkState
from directory.models.bulk.bulk_acts import BulkActUserQuerySet
from orgs.permissions import Permission

_COLUMNS = ("username", "email", "org_now", "result", "reason", "detail", "at")


@require_safe
@require(Permission.USER_READ)
def act_list(request: ConsoleRequest) -> HttpResponse:
    """Show the viewer's own acts, and those on users of their part."""
    acts = BulkAct.objects.visible_to(request.user).newest_first()
    listing = show_list(request, acts, table=BulkActTable, filters=BulkActFilter)
    return render_page(request, "bulk_acts/list.html", {"listing": listing}, fragments=("bulk-act-list",))


@require_safe
@require(Permission.USER_READ)
def act_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one act; until it has ended, the page polls its progress."""
    act = _visible(request, pk)
    listing = None
    if not act.live:
        rows = visible_rows(act, request.user).select_related("user__org")
        export = reverse("bulk_acts:results", args=[act.pk])
        listing = show_list(request, rows, table=BulkResultTable, filters=BulkResultFilter, export=export)
    context = {"act": act, "page": act_page(act, request.user), "listing": listing}
    response = render_page(request, "bulk_acts/detail.html", context, fragments=("bulk-progress", "bulk-results"))
    if request.htmx and request.htmx.target == "bulk-progress" and not act.live:
        response.status_code = STOP_POLLING
    return response


@require_safe
@require(Permission.USER_READ)
def results(request: ConsoleRequest, pk: int) -> StreamingHttpResponse:
    """Return the filtered results of users whom the viewer may see as CSV."""
    act = _visible(request, pk)
    rows = visible_rows(act, request.user).select_related("user__org").order_by("pk")
    chosen = BulkResultFilter(request.GET, queryset=rows, request=request).qs
    return csv_file(f"bulk-act-{act.pk}.csv", _COLUMNS, _lines(chosen))


@require_POST
@require(Permission.USER)
def cancel(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Stop an act after its present part; only who began it, or may change all users, may do so."""
    act = _visible(request, pk)
    if act.started_by_id != request.user.pk and not request.user.may_everywhere(Permission.USER):
        raise PermissionDenied
    return carry_out(
        request,
        partial(confirmation.cancel, act=act),
        done=_("It stops. Who has been changed by then stays so."),
        back=reverse("bulk_acts:detail", args=[act.pk]),
    )


def _visible(request: ConsoleRequest, pk: int) -> BulkAct:
    acts = BulkAct.objects.visible_to(request.user).exclude(state=BulkState.PREPARED)
    return get_object_or_404(acts.select_related("role", "undo_of"), pk=pk)


def _lines(rows: BulkActUserQuerySet) -> Iterator[list[Any]]:
    for row in rows.iterator(chunk_size=1000):
        about = [row.user.username, row.user.email, row.user.org.name]
        yield [*about, row.outcome, row.get_reason_display(), row.detail, row.done_at]
