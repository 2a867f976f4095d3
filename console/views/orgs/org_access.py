"""Finds the org of a page that changes it: 404 outside of the viewer's scope, 403 where the permission does not reach."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from console.security.access import ConsoleRequest
from orgs.models import Org
from orgs.permissions import Permission


def org_to_change(request: ConsoleRequest, pk: int, permission: Permission) -> Org:
    """Return the org, if the viewer holds the permission for it."""
    org = get_object_or_404(Org.objects.visible_to(request.user).with_user_counts(), pk=pk)
    if not request.user.may_in(permission, org):
        raise PermissionDenied
    return org
