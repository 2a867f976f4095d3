"""Says where each role of a user comes from: a person, the role name script, the default roles of an org."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from console.presenters.user_effects.administration_reach import OrgReach
from directory.models import Run, RunChange
from directory.sync.plan.rules.role_resolution import gave_defaults
from orgs.models import AuditEntry, Role, RoleGrant, User
from orgs.rules.inheritance import effective_settings


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
    grants = list(user.grants.select_related("role").order_by("role__name", "pk"))
    # An action writes the grant and its audit entry with the same time.
    trail = AuditEntry.objects.filter(object_type="user", object_id=user.pk, action__in=["roles set", "user created"])
    entries = {entry.at: entry for entry in trail.filter(at__in={grant.granted_at for grant in grants}).order_by("pk")}
    run_ids = {entry.run_id for entry in entries.values() if entry.run_id is not None}
    runs = Run.objects.only("simulated", "undo_of").in_bulk(run_ids)
    steps = dict(RunChange.objects.filter(user=user, run__in=run_ids).values_list("run_id", "steps"))
    defaults = effective_settings()[user.org_id].default_roles
    reach, found = OrgReach(user.org), []
    for grant in grants:
        entry = entries.get(grant.granted_at)
        run = runs.get(entry.run_id) if entry is not None and entry.run_id is not None else None
        given = steps.get(run.pk) if run is not None else None
        origin = _origin(grant, entry, user=user, steps=given, is_default=grant.role.name in defaults)
        found.append(RoleOrigin(grant.role, origin, grant.granted_at, run, reach.of(grant.role.permissions)))
    return found


def _origin(
    grant: RoleGrant, entry: AuditEntry | None, *, user: User, steps: list[str] | None, is_default: bool
) -> str:
    if entry is None:
        return grant.granted_by or _("unknown")
    if entry.run_id is not None:
        if steps is None:
            return _("by a sync")
        return _("default role of the org, by a sync") if gave_defaults(steps) else _("role name script, by a sync")
    names = {"person": entry.actor_label, "way": user.get_created_by_display()}
    if entry.action == "user created":
        if is_default:
            return _("default role of the org, as the account was made %(way)s") % names
        return _("given as the account was made %(way)s") % names
    return _("by hand, %(person)s") % names
