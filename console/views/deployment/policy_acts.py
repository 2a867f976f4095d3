"""The pages that make and edit a deployment policy, and renew its token."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.deployment.policies import DeploymentPolicyForm
from console.http.page_requests import render_page
from console.presenters.deployment import install_scripts, policy_effects, policy_page
from console.security.access import ConsoleRequest, author, confirmed, require
from console.views.deployment.policy_access import managed_policy
from directory.input_errors import Refused
from orgs.actions.deployment import deployment_policies
from orgs.actions.deployment.deployment_policies import DeploymentPolicyChangedMeanwhile, PolicyWithToken
from orgs.permissions import Permission

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
@require(Permission.USER)
@confirmed
def policy_add(request: ConsoleRequest) -> HttpResponseBase:
    """Make a policy, and show its token this once."""
    form = DeploymentPolicyForm(request.POST if request.method == "POST" else None, viewer=request.user)
    if form.is_valid():
        add = partial(deployment_policies.add, org=form.cleaned_data["org"], values=form.values())
        try:
            return _show_token(request, add(by=author(request), at=timezone.now()))
        except Refused as reason:
            form.add_error(None, f"{capfirst(str(reason))}.")
    context = {"form": form, "policy": None, "adds": policy_page.may_add(request.user)}
    return render_page(request, "deployment/form.html", context)


@require_http_methods(_METHODS)
@require(Permission.USER)
def policy_edit(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Change what a policy allows."""
    policy = managed_policy(request, pk)
    form = DeploymentPolicyForm(request.POST if request.method == "POST" else None, viewer=request.user, policy=policy)
    context: dict[str, Any] = {"form": form, "policy": policy, "adds": True}
    if form.is_valid():
        known = form.cleaned_data["version"]
        edit = partial(deployment_policies.edit, policy_id=policy.pk, values=form.values(), known=known)
        try:
            edit(by=author(request), at=timezone.now())
        except DeploymentPolicyChangedMeanwhile as reason:
            form.take_over_version(policy)
            context["overtaken"] = str(reason)
        except Refused as reason:
            form.add_error(None, f"{capfirst(str(reason))}.")
        else:
            messages.success(request, _("%(name)s is saved.") % {"name": form.cleaned_data["name"]})
            return redirect("deployment:detail", pk=policy.pk)
    return render_page(request, "deployment/form.html", context)


@require_http_methods(_METHODS)
@require(Permission.USER)
@confirmed
def policy_renew_token(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Ask; then give the policy a new token, and show it this once."""
    policy = managed_policy(request, pk)
    if request.method == "POST":
        try:
            renewed = deployment_policies.renew_token(policy_id=policy.pk, by=author(request), at=timezone.now())
        except Refused as reason:
            messages.error(request, f"{capfirst(str(reason))}.")
            return redirect("deployment:detail", pk=policy.pk)
        return _show_token(request, renewed)
    context = {"policy": policy, "effects": policy_effects.renewing_the_token(policy)}
    return render_page(request, "deployment/renew_token.html", context)


def _show_token(request: ConsoleRequest, made: PolicyWithToken) -> HttpResponse:
    """Show a new token, this once, with the commands that hold it."""
    context = {"policy": made.policy, "token": made.token, "install": install_scripts.page(token=made.token)}
    return render_page(request, "deployment/token.html", context)
