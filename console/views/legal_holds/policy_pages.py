"""The list of preservation policies, and the pages that add, edit and delete one."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from console.forms.legal_holds.matters import PolicyForm
from console.http.page_requests import render_page
from console.listing.listing import show_list
from console.listing.tables.legal_holds import PolicyTable
from console.security.access import ConsoleRequest, author, require
from console.views.acts import carry_out
from console.views.legal_holds.matter_access import managed_policy, visible_policy
from directory.input_errors import Refused
from orgs.actions.matters import policies
from orgs.actions.matters.policies import PolicyChangedMeanwhile
from orgs.models import Matter, PreservationPolicy
from orgs.permissions import Permission


@require_safe
@require(Permission.USER_READ)
def policy_list(request: ConsoleRequest) -> HttpResponse:
    """Show the preservation policies, each with how many matters that the viewer may see are under it."""
    visible = Matter.objects.visible_to(request.user).values("pk")
    counted = Count("matters", filter=Q(matters__in=visible))
    found = PreservationPolicy.objects.visible_to(request.user).annotate(matter_count=counted).select_related("org")
    listing = show_list(request, found, table=PolicyTable)
    return render_page(request, "legal_holds/policies.html", {"listing": listing}, fragments=("policy-list",))


@require_safe
@require(Permission.USER_READ)
def policy_detail(request: ConsoleRequest, policy_pk: int) -> HttpResponse:
    """Show what a policy says, and the matters under it."""
    policy = visible_policy(request, policy_pk)
    matters = Matter.objects.visible_to(request.user).filter(preservation_policy=policy)
    context = {
        "policy": policy,
        "matter_count": matters.count(),
        "changes": PreservationPolicy.objects.managed_by(request.user).filter(pk=policy.pk).exists(),
    }
    return render_page(request, "legal_holds/policy.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def policy_add(request: ConsoleRequest) -> HttpResponseBase:
    """Add a policy."""
    form = PolicyForm(request.POST if request.method == "POST" else None, viewer=request.user)
    if form.is_valid():
        given = form.cleaned_data
        kept = given["kept"].replace("\r\n", "\n")
        try:
            policy = policies.add(
                name=given["name"], kept=kept, org=given["org"], by=author(request), at=timezone.now()
            )
        except Refused as reason:
            form.add_error("name", f"{capfirst(str(reason))}.")
        else:
            messages.success(request, _("%(name)s is added.") % {"name": policy.name})
            return redirect("legal_holds:policies")
    return render_page(request, "legal_holds/policy_form.html", {"form": form, "policy": None})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def policy_edit(request: ConsoleRequest, policy_pk: int) -> HttpResponseBase:
    """Edit what a policy says."""
    policy = managed_policy(request, policy_pk)
    form = PolicyForm(request.POST if request.method == "POST" else None, viewer=request.user, policy=policy)
    context: dict[str, Any] = {"form": form, "policy": policy}
    if form.is_valid():
        given = form.cleaned_data
        kept = given["kept"].replace("\r\n", "\n")
        try:
            policies.edit(
                policy_id=policy.pk,
                name=given["name"],
                kept=kept,
                known=form.known(),
                by=author(request),
                at=timezone.now(),
            )
        except PolicyChangedMeanwhile as reason:
            form.take_over_values(policy)
            context["overtaken"] = str(reason)
        except Refused as reason:
            form.add_error("name", f"{capfirst(str(reason))}.")
        else:
            messages.success(request, _("%(name)s is saved.") % {"name": given["name"]})
            return redirect("legal_holds:policy", policy_pk=policy.pk)
    return render_page(request, "legal_holds/policy_form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def policy_delete(request: ConsoleRequest, policy_pk: int) -> HttpResponse:
    """Say whether a matter uses the policy, and delete it if none does."""
    policy = managed_policy(request, policy_pk)
    detail = reverse("legal_holds:policy", args=[policy.pk])
    if request.method == "POST":
        return carry_out(
            request,
            partial(policies.delete, policy_id=policy.pk),
            done=_("%(name)s is deleted.") % {"name": policy.name},
            back=reverse("legal_holds:policies"),
            refused=detail,
        )
    used = Matter.objects.filter(preservation_policy=policy).exists()
    return render_page(request, "legal_holds/policy_delete.html", {"policy": policy, "used": used})
