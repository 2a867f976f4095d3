"""Finds the deployment policy of a page: 404 outside of the viewer's scope, 403 where the viewer may only look."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from console.presenters.deployment.policy_acts import POLICY_ACTS
from console.security.access import ConsoleRequest
from console.views.act_questions import SubjectKind
from orgs.models import DeploymentPolicy
from orgs.permissions import Permission


def visible_policy(request: ConsoleRequest, pk: int) -> DeploymentPolicy:
    """Return a policy of the viewer's part."""
    return get_object_or_404(DeploymentPolicy.objects.visible_to(request.user).select_related("org"), pk=pk)


def managed_policy(request: ConsoleRequest, pk: int) -> DeploymentPolicy:
    """Return a policy that the viewer may change: they may change the users and the devices of its org."""
    policy = visible_policy(request, pk)
    if not DeploymentPolicy.objects.managed_by(request.user).filter(pk=policy.pk).exists():
        raise PermissionDenied
    return policy


POLICY = SubjectKind(
    key="policy",
    ids="policy_id",
    one_at_a_time=True,
    in_templates="policy",
    area="deployment",
    plural=_("Deployment"),
    acts=POLICY_ACTS,
    permission=Permission.USER,
    find=managed_policy,
    name=lambda policy: policy.name,
    who="deployment/_which.html",
    back=_("Back to the policy"),
    changed=_("This does not fit the state that the policy is in by now."),
)
