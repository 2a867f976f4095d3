"""The tree of orgs, and beside it one org with its own and inherited settings."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.filters.shared_filters import LONGEST_SEARCH
from console.presenters.orgs.card import org_card
from console.presenters.orgs.tree import org_tree
from console.security.access import ConsoleRequest, require
from orgs.models import Org
from orgs.permissions import Permission


@require_safe
@require(Permission.ORG_READ)
def org_list(request: ConsoleRequest) -> HttpResponse:
    """Show the part of the tree that the viewer may see."""
    return _tree_page(request, None)


@require_safe
@require(Permission.ORG_READ)
def org_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one org beside the tree."""
    org = get_object_or_404(Org.objects.visible_to(request.user).with_user_counts(), pk=pk)
    return _tree_page(request, org)


def _tree_page(request: ConsoleRequest, org: Org | None) -> HttpResponse:
    searched = request.GET.get("q", "")[:LONGEST_SEARCH]
    inactive_too = request.GET.get("inactive") == "yes"
    context: dict[str, Any] = {
        "tree": org_tree(request.user, searched=searched, inactive_too=inactive_too, chosen=org),
        "org": org,
        "may_create": request.user.may(Permission.ORG_CREATE),
    }
    if org is not None:
        context["card"] = org_card(org, request.user)
    return render_page(request, "orgs/list.html", context, fragments=("org-tree",))
