"""The list of matters, and the page of a matter with its custodians."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.filters.legal_holds import MatterFilter
from console.listing.listing import show_list
from console.listing.tables.legal_holds import CustodianTable, MatterTable
from console.security.access import ConsoleRequest, require
from orgs.models import Custodian, Matter
from orgs.permissions import Permission


@require_safe
@require(Permission.ALL_USER_READ)
def matter_list(request: ConsoleRequest) -> HttpResponse:
    """Show the matters."""
    matters = Matter.objects.visible_to(request.user).with_custodian_counts(request.user)
    listing = show_list(request, matters, table=MatterTable, filters=MatterFilter)
    return render_page(request, "legal_holds/list.html", {"listing": listing}, fragments=("matter-list",))


@require_safe
@require(Permission.ALL_USER_READ)
def matter_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one matter with its custodians."""
    matter = get_object_or_404(Matter.objects.visible_to(request.user).with_custodian_counts(request.user), pk=pk)
    custodians = Custodian.objects.filter(matter=matter).visible_to(request.user).select_related("user__org")
    listing = show_list(request, custodians, table=CustodianTable)
    context = {"matter": matter, "listing": listing}
    return render_page(request, "legal_holds/detail.html", context, fragments=("custodian-list",))
