"""Presents the roles from which a viewer chooses those of a user: held or not, and why one can't be chosen."""

from __future__ import annotations

from dataclasses import dataclass

from orgs.actions import escalation_guard
from orgs.models import Role, User
from orgs.permissions import PERSONAL
from orgs.rules.actors import person


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """One role; ``missing`` are the permissions that the viewer lacks, so that they can neither add nor remove it."""

    role: Role
    is_chosen: bool
    missing: str

    @property
    def administers(self) -> bool:
        """Whether the role allows more than what concerns one's own account."""
        return bool(frozenset(self.role.permissions) - PERSONAL)


def role_choices(user: User, viewer: User) -> list[RoleChoice]:
    """Return all roles by name, each as a choice for this user."""
    roles = list(Role.objects.order_by("name", "pk"))
    chosen = set(user.grants.values_list("role_id", flat=True))
    actor = escalation_guard.acting(person(viewer))
    missing = escalation_guard.not_grantable(actor, roles, org_path=user.org.path) if actor is not None else {}
    return [RoleChoice(role, role.pk in chosen, missing.get(role.name, "")) for role in roles]
