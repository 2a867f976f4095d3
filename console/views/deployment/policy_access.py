"""Finds the deployment policy of a page: 404 outside of the viewer's scope, 403 where the viewer may only look."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from console.security.access import ConsoleRequest
from orgs.models import DeploymentPolicy


def visible_policy(request: ConsoleRequest, pk: int) -> DeploymentPolicy:
    """Return a policy of the viewer's part."""
    return get_object_or_404(DeploymentPolicy.objects.visible_to(request.user).select_related("org"), pk=pk)


def may_change(request: ConsoleRequest, policy: DeploymentPolicy) -> bool:
    """Return whether the viewer may change the users and the devices of the policy's org."""
    return DeploymentPolicy.objects.managed_by(request.user).filter(pk=policy.pk).exists()


def managed_policy(request: ConsoleRequest, pk: int) -> DeploymentPolicy:
    """Return a policy that the viewer may change."""
    policy = visible_policy(request, pk)
    if not may_change(request, policy):
        raise PermissionDenied
    return policy
