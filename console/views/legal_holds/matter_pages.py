"""The list of matters, the page of a matter with its custodians and events, and the reports of events as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console.elements.tabs import Tab
from console.http.page_requests import render_page
from console.listing.exports import csv_file
from console.listing.filters.legal_holds import CustodianFilter, MatterEventFilter, MatterFilter
from console.listing.listing import show_list
from console.listing.tables.legal_holds import (
    CustodianTable,
    MatterEventTable,
    MatterTable,
    ReleaseTable,
    details_in_words,
)
from console.security.access import ConsoleRequest, require
from console.views.legal_holds.matter_access import may_change, visible_matter
from orgs.models import Custodian, Matter, MatterEvent, User
from orgs.models.matter_events import MatterEventQuerySet
from orgs.permissions import Permission

_COLUMNS = ("when", "matter", "matter_id", "reference", "event", "username", "name", "who", "run", "details")


@require_safe
@require(Permission.USER_READ)
def matter_list(request: ConsoleRequest) -> HttpResponse:
    """Show the matters that the viewer may see."""
    matters = Matter.objects.visible_to(request.user).with_custodian_counts(request.user).select_related("org")
    matters = matters.with_known_orgs(request.user)
    listing = show_list(request, matters, table=MatterTable, filters=MatterFilter)
    return render_page(request, "legal_holds/list.html", {"listing": listing}, fragments=("matter-list",))


@require_safe
@require(Permission.USER_READ)
def matter_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one matter with the custodians of the viewer's part."""
    matter = visible_matter(request, pk)
    changes = may_change(request, matter)
    custodians = Custodian.objects.filter(matter=matter).visible_to(request.user).select_related("user__org")
    table = ReleaseTable if changes and matter.open else CustodianTable
    listing = show_list(request, custodians, table=table, filters=CustodianFilter)
    context = {"listing": listing, "choosing": changes and matter.open and matter.custodian_count}  # type: ignore[attr-defined]
    return matter_tab(request, matter, "detail", context, "custodian-list")


@require_safe
@require(Permission.USER_READ)
def matter_events(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show what happened to a matter, newest first."""
    matter = visible_matter(request, pk)
    listing = show_list(
        request,
        _events(request.user).filter(matter=matter),
        table=MatterEventTable,
        filters=MatterEventFilter,
        export=reverse("legal_holds:report", args=[matter.pk]),
    )
    return matter_tab(request, matter, "events", {"listing": listing}, "event-list")


@require_safe
@require(Permission.USER_READ)
def matter_report(request: ConsoleRequest, pk: int) -> StreamingHttpResponse:
    """Return the events of one matter as CSV, oldest first."""
    matter = visible_matter(request, pk)
    rows = MatterEventFilter(request.GET, queryset=_events(request.user).filter(matter=matter), request=request).qs
    return csv_file(f"legal-hold-{matter.pk}-events.csv", _COLUMNS, _rows(rows, request.user, [matter.pk]))


@require_safe
@require(Permission.USER_READ)
def report(request: ConsoleRequest) -> StreamingHttpResponse:
    """Return the events of all matters that the viewer may see as CSV, oldest first."""
    visible = Matter.objects.visible_to(request.user).values("pk")
    rows = _events(request.user).filter(matter__in=visible)
    return csv_file("legal-hold-events.csv", _COLUMNS, _rows(rows, request.user, visible))


def _events(viewer: User) -> MatterEventQuerySet:
    return MatterEvent.objects.visible_to(viewer).select_related("user", "matter")


def _rows(events: MatterEventQuerySet, viewer: User, matters: Any) -> Iterator[list[Any]]:
    brought_in = MatterEvent.objects.filter(matter__in=matters).that_brought_in(viewer)
    for event in events.order_by("at", "pk").iterator(chunk_size=1000):
        user = event.user
        yield [
            event.at,
            event.matter.name,
            event.matter_id,
            event.matter.reference,
            event.kind,
            user.username if user else "",
            user.full_name if user else "",
            event.actor_label,
            event.run_id,
            details_in_words(event, brought_in),
        ]


def matter_tab(
    request: ConsoleRequest, matter: Matter, page: str, context: dict[str, Any], *fragments: str
) -> HttpResponse:
    """Render one tab of a matter."""
    tabs = [
        Tab(_("Custodians"), reverse("legal_holds:detail", args=[matter.pk]), current=page == "detail"),
        Tab(_("Events"), reverse("legal_holds:events", args=[matter.pk]), current=page == "events"),
    ]
    if request.user.may(Permission.RESTORE):
        tabs.append(Tab(_("Exports"), reverse("legal_holds:exports", args=[matter.pk]), current=page == "exports"))
    changes = may_change(request, matter)
    whole = {"matter": matter, "tabs": tabs, "changes": changes, "in_part": _in_part(request.user, matter), **context}
    return render_page(request, f"legal_holds/{page}.html", whole, fragments=fragments)


def _in_part(viewer: User, matter: Matter) -> bool:
    """Return whether the viewer may read what a matter says, and not only that it holds users of theirs."""
    return viewer.may_everywhere(Permission.ALL_USER_READ) or (
        matter.org is not None and viewer.may_in(Permission.USER_READ, matter.org)
    )
