"""The list of deployment policies, the page of one, and its commands for installers."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.listing import show_list
from console.listing.tables.deployment import DeployedDeviceTable, DeploymentPolicyTable
from console.presenters.deployment import install_scripts, policy_page
from console.security.access import ConsoleRequest, require
from console.views.deployment.policy_access import visible_policy
from orgs.models import DeploymentPolicy
from orgs.permissions import Permission


@require_safe
@require(Permission.COMPUTER_READ)
def policy_list(request: ConsoleRequest) -> HttpResponse:
    """Show the deployment policies of the viewer's part."""
    found = DeploymentPolicy.objects.visible_to(request.user).with_device_counts().select_related("org")
    listing = show_list(request, found, table=DeploymentPolicyTable)
    context = {"listing": listing, "adds": policy_page.may_add(request.user)}
    return render_page(request, "deployment/list.html", context, fragments=("policy-list",))


@require_safe
@require(Permission.COMPUTER_READ)
def policy_detail(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show what a policy allows, what it brought, and what it refused."""
    policy = visible_policy(request, pk)
    devices = policy_page.visible_devices(policy, request.user)
    context = {
        "policy": policy,
        "page": policy_page.policy_page(policy, request.user, tab="detail", at=timezone.now()),
        "listing": show_list(request, devices, table=DeployedDeviceTable),
    }
    return render_page(request, "deployment/detail.html", context, fragments=("device-list",))


@require_safe
@require(Permission.COMPUTER_READ)
def policy_install(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the commands that register computers by a policy; the token has to be put in."""
    policy = visible_policy(request, pk)
    context = {
        "policy": policy,
        "page": policy_page.policy_page(policy, request.user, tab="install", at=timezone.now()),
        "install": install_scripts.page(),
    }
    return render_page(request, "deployment/install.html", context)
