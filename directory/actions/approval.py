"""Decides who may approve a plan, where an LDAP server requires a second administrator: nobody who had a part in it."""

from __future__ import annotations

from collections.abc import Collection

from directory.errors import Refused
from directory.models import LdapServer, Run
from directory.sync import notifications
from directory.sync.review import plan_contributors
from directory.values.plan import Outcome
from orgs.models import Role, User
from orgs.permissions import Permission, holds
from orgs.rules.actors import Actor

# An administrator needs no more names than these to find one who can approve.
_NAMED = 5


def needed(run: Run) -> bool:
    """Return whether a second administrator has to approve the plan, by the servers' settings when it was made or now."""
    if run.approval:
        return True
    requiring = LdapServer.objects.requiring_approval().filter(readings__run=run)
    return requiring.exists() and run.stored_changes.filter(outcome=Outcome.PLANNED).exists()


def permission(run: Run) -> Permission:
    """Return what applying or discarding the run's plan takes.

    What passed limits, and an undo, are for a SYSADMIN; what waits only for approval could have been started by every
    server administrator, so one of them may approve it.
    """
    if needed(run) and not run.held_back and run.undo_of_id is None:
        return Permission.SYSTEM
    return Permission.ADMIN


def refuse_unless_second(*, run: Run, by: Actor) -> None:
    """Refuse the approval of somebody who had a part in the plan.

    Raises:
        Refused: with the part that they had, and who can approve.
    """
    if not needed(run):
        return
    if by.user_id is None:
        raise Refused(
            f"the plan of run {run.pk} needs the approval of a second administrator, who gives it in the console: "
            f"{notifications.address_of(run)}"
        )
    parts = _parts(run)
    if by.user_id in parts:
        raise Refused(
            f"the plan of run {run.pk} needs the approval of a second administrator, and you {parts[by.user_id]}: "
            f"{_who_can(_others(run, parts))}"
        )


def _parts(run: Run) -> dict[int, str]:
    """Return who had a part in the plan, by id: started it, or changed what it was made by and was never applied."""
    # An undo goes by what a run has done, not by any settings.
    parts = plan_contributors.editors(run) if run.undo_of_id is None else {}
    if run.started_by_id is not None:
        parts[run.started_by_id] = "started it"
    return parts


def _others(run: Run, parts: Collection[int]) -> list[str]:
    """Return who can approve the plan."""
    required = permission(run)
    roles = [role.pk for role in Role.objects.all() if holds(role.permissions, required)]
    able = User.objects.filter(active=True, blocked=False, grants__role__in=roles).exclude(pk__in=parts)
    return list(able.order_by("username_key").distinct().values_list("username", flat=True)[: _NAMED + 1])


def _who_can(names: list[str]) -> str:
    if not names:
        return "nobody else can; give another administrator the role, or turn the approval off in the server's settings"
    more = " and others" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more} can"
