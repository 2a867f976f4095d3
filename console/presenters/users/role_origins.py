"""Says where each role of a user comes from, and what its holder administers with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from console.presenters.roles.grant_origins import grant_origins
from console.presenters.user_effects.administration_reach import OrgReach
from directory.models import Run
from orgs.models import Role, User


@dataclass(frozen=True, slots=True)
class RoleOrigin:
    """One role of a user: where it comes from, since when, and what its holder administers with it.

    ``run`` is the run that gave it, None for a person.
    """

    role: Role
    origin: str
    at: datetime
    run: Run | None
    reach: str


def role_origins(user: User) -> list[RoleOrigin]:
    """Return the roles of a user by name, with as many queries for many roles as for one."""
    grants = list(user.grants.select_related("role", "user").order_by("role__name", "pk"))
    origins = grant_origins(grants)
    runs = Run.objects.only("simulated", "undo_of").in_bulk({each.run_id for each in origins.values() if each.run_id})
    reach, found = OrgReach(user.org), []
    for grant in grants:
        origin = origins[grant.pk]
        run = runs.get(origin.run_id or 0)
        found.append(RoleOrigin(grant.role, origin.words, grant.granted_at, run, reach.of(grant.role.permissions)))
    return found
