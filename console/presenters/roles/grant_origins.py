"""Says where granted roles come from: a person, the role name script, the default roles of an org."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from directory.models import RunChange
from directory.sync.plan.rules.role_resolution import gave_defaults
from orgs.models import AuditEntry, RoleGrant
from orgs.rules.inheritance import effective_settings


@dataclass(frozen=True, slots=True)
class GrantOrigin:
    """Where one role of one user comes from, in words; ``run_id`` is the run that gave it, None for a person."""

    words: str
    run_id: int | None = None


def grant_origins(grants: Collection[RoleGrant]) -> dict[int, GrantOrigin]:
    """Return where these grants come from, by the grant's id; with as many queries for many as for one.

    The grants have their roles and users read already.
    """
    people, times = {grant.user_id for grant in grants}, {grant.granted_at for grant in grants}
    # An action writes the grant and its audit entry with the same time.
    trail = AuditEntry.objects.filter(
        object_type="user", object_id__in=people, at__in=times, action__in=["roles set", "user created"]
    )
    entries = {(entry.object_id, entry.at): entry for entry in trail.order_by("pk")}
    defaults = {pk: settings.default_roles for pk, settings in effective_settings().items()}
    steps = _steps(entries.values())
    found = {}
    for grant in grants:
        entry = entries.get((grant.user_id, grant.granted_at))
        by_default = grant.role.name in defaults[grant.user.org_id]
        given = steps.get((entry.run_id or 0, grant.user_id), ()) if entry is not None else ()
        found[grant.pk] = _origin(grant, entry, given, by_default=by_default)
    return found


def _steps(entries: Iterable[AuditEntry]) -> dict[tuple[int, int], list[str]]:
    """Return the steps of the changes by which runs gave roles, by run and user."""
    given = [entry for entry in entries if entry.run_id is not None]
    runs, people = {entry.run_id for entry in given}, {entry.object_id for entry in given}
    changes = RunChange.objects.filter(run__in=runs, user__in=people)
    return {(run, user): steps for run, user, steps in changes.values_list("run_id", "user_id", "steps")}


def _origin(grant: RoleGrant, entry: AuditEntry | None, steps: Iterable[str], *, by_default: bool) -> GrantOrigin:
    if entry is None:
        return GrantOrigin(grant.granted_by or _("unknown"))
    if entry.run_id is not None:
        return GrantOrigin(_by_a_run(list(steps)), entry.run_id)
    if entry.action == "user created":
        way = {"way": grant.user.get_created_by_display()}
        if by_default:
            return GrantOrigin(_("default role of the org, as the account was made %(way)s") % way)
        return GrantOrigin(_("given as the account was made %(way)s") % way)
    return GrantOrigin(_("by hand, %(person)s") % {"person": entry.actor_label})


def _by_a_run(steps: list[str]) -> str:
    if not steps:
        return _("by a sync")
    return _("default role of the org, by a sync") if gave_defaults(steps) else _("role name script, by a sync")
