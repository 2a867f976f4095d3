"""What an upload of users did with each row, on a page and as CSV; kept as long as the audit trail."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console.elements.upload_fates import DONE_WORDS
from console.http.page_requests import render_page
from console.listing.exports import csv_file
from console.listing.listing import Listing, show_table
from console.listing.tables.user_upload import OutcomeTable
from console.presenters.users.upload_preview import fate_chips, shown_fate
from console.security.access import ConsoleRequest, require
from directory.actions.users import upload_outcomes
from directory.input_errors import Refused
from directory.models import FinishedUpload
from directory.provisioning.outcome_rows import OutcomeRow, seen_from
from orgs.models import Org
from orgs.permissions import Permission

_COLUMNS = ("line", "username", "email", "first_name", "last_name", "org", "result", "roles", "reasons")


@require_safe
@require(Permission.USER)
def outcome(request: ConsoleRequest, upload_pk: int) -> HttpResponse:
    """Show what became of each row that the viewer may see."""
    finished = _finished(request, upload_pk)
    found = _rows(request, finished)
    fate = shown_fate(request.GET.get("show", ""))
    shown = [each for each in found if fate is None or each.fate == fate]
    context = {
        "finished": finished,
        "chips": fate_chips([each.fate for each in found], fate, DONE_WORDS),
        "listing": Listing(
            table=show_table(request, OutcomeTable(shown)),
            export=reverse("users:upload-outcome-rows", args=[upload_pk]),
        ),
        "hidden": finished.total - len(found),
    }
    return render_page(request, "uploads/outcome.html", context, fragments=("upload-rows",))


@require_safe
@require(Permission.USER)
def outcome_rows(request: ConsoleRequest, upload_pk: int) -> HttpResponseBase:
    """Return what became of each row as CSV."""
    fate = shown_fate(request.GET.get("show", ""))
    found = [each for each in _rows(request, _finished(request, upload_pk)) if fate is None or each.fate == fate]
    return csv_file("upload.csv", _COLUMNS, ([*_cells(each)] for each in found))


def _cells(each: OutcomeRow) -> list[object]:
    person = [each.username, each.email, each.first_name, each.last_name, each.org]
    return [each.line, *person, str(DONE_WORDS[each.fate].text), list(each.roles), "; ".join(each.reasons)]


def _finished(request: ConsoleRequest, pk: int) -> FinishedUpload:
    found: FinishedUpload = get_object_or_404(
        FinishedUpload.objects.visible_to(request.user).select_related("org"), pk=pk
    )
    return found


def _rows(request: ConsoleRequest, finished: FinishedUpload) -> list[OutcomeRow]:
    """Return the rows of orgs that the viewer administers by now: who has moved does not see the former ones."""
    try:
        found = upload_outcomes.rows_of(finished)
    except Refused as reason:
        messages.error(request, _("%(reason)s.") % {"reason": reason})
        return []
    return seen_from(found, set(Org.objects.in_reach_of(request.user, Permission.USER).values_list("pk", flat=True)))
