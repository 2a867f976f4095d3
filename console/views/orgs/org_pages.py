"""The tree of orgs, and the page of an org with its own and inherited settings."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.presenters.orgs import org_card, org_rows
from console.security.access import ConsoleRequest, require
from orgs.models import Org
from orgs.permissions import Permission


@require_safe
@require(Permission.ORG_READ)
def org_list(request: ConsoleRequest) -> HttpResponse:
    """Show the part of the tree that the viewer may see."""
    orgs = Org.objects.visible_to(request.user).with_user_counts()
    return render_page(request, "orgs/list.html", {"rows": org_rows(orgs)})


@require_safe
@require(Permission.ORG_READ)
def org_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one org."""
    org = get_object_or_404(Org.objects.visible_to(request.user).with_user_counts(), pk=pk)
    return render_page(request, "orgs/detail.html", {"org": org, "card": org_card(org, request.user)})
