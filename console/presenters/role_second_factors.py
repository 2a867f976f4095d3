"""Presents whether a role needs a second factor, and how many of its holders have one."""

from __future__ import annotations

from dataclasses import dataclass

from orgs.models import Role, User
from orgs.rules.second_factors import without_second_factor


@dataclass(frozen=True, slots=True)
class NeededSecondFactor:
    """Whether a role needs a second factor; counts are of active holders whom the viewer may see."""

    needed: bool
    holders: int
    without: int
    viewer_is_without: bool


def needed_second_factor(role: Role, viewer: User) -> NeededSecondFactor:
    """Return whether the role needs a second factor, and its holders."""
    holders = User.objects.visible_to(viewer).filter(grants__role=role, active=True, blocked=False)
    without = without_second_factor(holders)
    return NeededSecondFactor(
        needed=role.needs_second_factor,
        holders=holders.count(),
        without=without.count(),
        viewer_is_without=without.filter(pk=viewer.pk).exists(),
    )
