"""Moves an org, with everything below it, to another place in the tree."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.orgs import OrgPlaceForm
from console.http.page_requests import render_page
from console.presenters.orgs import act_effects
from console.security.access import ConsoleRequest, confirmed, require
from console.views.acts import carry_out
from console.views.orgs.org_access import org_to_change
from directory.actions.organization import org_moves
from orgs.actions import org_tree
from orgs.models import Org
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.ORG_UPDATE_BASIC)
@confirmed
def org_move(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Ask where to, show who and what follows and whose reach changes, and move the org."""
    org = org_to_change(request, pk, Permission.ORG_UPDATE_BASIC)
    parents = Org.objects.in_reach_of(request.user, Permission.ORG_UPDATE_BASIC).active()
    above = org_tree.parent_of(org)
    parents = parents.exclude(path__startswith=org.path).exclude(pk=above.pk if above else org.pk)
    given = request.POST if request.method == "POST" else request.GET if "parent" in request.GET else None
    form = OrgPlaceForm(given, parents=parents if above else parents.none())
    context: dict[str, Any] = {"org": org, "form": form, "places": form.fields["parent"].queryset.count()}  # type: ignore[attr-defined]
    if form.is_valid():
        parent = form.cleaned_data["parent"]
        if request.method == "POST" and "confirmed" in request.POST:
            return carry_out(
                request,
                partial(org_moves.move, org=org, parent=parent),
                done=_("%(name)s lies below %(parent)s now.") % {"name": org.name, "parent": parent.name},
                back=reverse("orgs:detail", args=[pk]),
                refused=reverse("orgs:move", args=[pk]),
            )
        context |= {"parent": parent, "preview": act_effects.of_move(org, parent, request.user)}
    return render_page(request, "orgs/move.html", context)
