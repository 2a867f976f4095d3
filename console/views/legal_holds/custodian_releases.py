"""Releases custodians: one, those who are chosen, or all of a matter; asks first, with everybody's name."""

from __future__ import annotations

from functools import partial

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.http.page_requests import render_page
from console.presenters.legal_holds import hold_effects
from console.presenters.legal_holds.custodian_lists import MOST_AT_ONCE
from console.security.access import ConsoleRequest, require
from console.views.legal_holds.matter_access import chosen_ids, managed_matter, way_back
from console.views.legal_holds.named_outcomes import carry_out_by_name
from orgs.actions import legal_holds
from orgs.models import Custodian, Matter, User
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def release(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show by name what releasing the chosen custodians does, and do it when that is confirmed."""
    matter = managed_matter(request, pk)
    ids = _chosen(request, matter)
    users: UserQuerySet = User.objects.visible_to(request.user).managed_by(request.user)
    chosen: UserQuerySet = users.filter(pk__among=ids[:MOST_AT_ONCE])
    preview = hold_effects.of_releasing(matter, chosen, request.user, at=timezone.now())
    if not preview.users:
        preview.refusals.append(_("Nobody is chosen whom this matter holds."))
    if request.method == "POST" and "confirmed" in request.POST:
        action = partial(legal_holds.release, user_ids=list(preview.users))
        return carry_out_by_name(request, matter, preview, action, back=way_back(request, matter))
    context = {
        "matter": matter,
        "preview": preview,
        "more": len(ids) > MOST_AT_ONCE,
        "most": MOST_AT_ONCE,
        "back": request.GET.get("back") == "user" and ids,
    }
    return render_page(request, "legal_holds/release.html", context)


def _chosen(request: ConsoleRequest, matter: Matter) -> list[int]:
    if "all" not in request.POST:
        return chosen_ids(request)
    mine = User.objects.managed_by(request.user).values("pk")
    everybody = Custodian.objects.unreleased().filter(matter=matter, user__in=mine).order_by("user__username_key")
    return list(everybody.values_list("user_id", flat=True)[: MOST_AT_ONCE + 1])
