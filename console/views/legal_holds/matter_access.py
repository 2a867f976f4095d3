"""Finds the matter or policy of a page: 404 outside of the viewer's scope, 403 where the viewer may only look."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.urls import reverse

from console.presenters.legal_holds.custodian_lists import MOST_AT_ONCE
from console.security.access import ConsoleRequest
from orgs.models import Matter, PreservationPolicy


def visible_matter(request: ConsoleRequest, pk: int) -> Matter:
    """Return a matter that the viewer may see, with the number of custodians whom they may see."""
    matters = Matter.objects.visible_to(request.user).with_custodian_counts(request.user).select_related("org")
    return get_object_or_404(matters, pk=pk)


def managed_matter(request: ConsoleRequest, pk: int) -> Matter:
    """Return a matter that the viewer may change."""
    matter = visible_matter(request, pk)
    if not may_change(request, matter):
        raise PermissionDenied
    return matter


def may_change(request: ConsoleRequest, matter: Matter) -> bool:
    """Return whether the matter belongs to the part where the viewer may change users."""
    return Matter.objects.managed_by(request.user).filter(pk=matter.pk).exists()


def visible_policy(request: ConsoleRequest, pk: int) -> PreservationPolicy:
    """Return a policy that the viewer may see."""
    return get_object_or_404(PreservationPolicy.objects.visible_to(request.user).select_related("org"), pk=pk)


def managed_policy(request: ConsoleRequest, pk: int) -> PreservationPolicy:
    """Return a policy that the viewer may change."""
    policy = visible_policy(request, pk)
    if not PreservationPolicy.objects.managed_by(request.user).filter(pk=policy.pk).exists():
        raise PermissionDenied
    return policy


def chosen_ids(request: ConsoleRequest) -> list[int]:
    """Return the ids of the chosen users: boxes or links have one each (``user``), a confirmation all (``users``)."""
    given = request.POST if request.method == "POST" else request.GET
    texts = [*given.getlist("user"), *given.get("users", "").split()][: MOST_AT_ONCE + 1]
    return sorted({int(text) for text in texts if text.isdecimal() and len(text) < 19})


def way_back(request: ConsoleRequest, matter: Matter) -> str:
    """Return where to go after an act: to the user from whose page it was asked for, or to the matter."""
    number = request.POST.get("back", "")
    if number.isdecimal() and len(number) < 19:
        return reverse("users:holds", args=[int(number)])
    return reverse("legal_holds:detail", args=[matter.pk])
