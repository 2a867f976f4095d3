"""Decides who may approve a plan that needs a second administrator: nobody who had a part in the plan."""

from __future__ import annotations

from collections.abc import Collection

from directory.input_errors import Refused
from directory.models import LdapServer, Run
from directory.sync import alerts_and_mails
from directory.sync.review import plan_contributors
from directory.values.plan import Outcome
from orgs.models import Role, User
from orgs.permissions import Permission, holds
from orgs.rules.actors import Actor

# A refusal names at most this many people who can approve.
_NAMED = 5


def needed(run: Run) -> bool:
    """Return whether a second administrator has to approve the plan: the servers' settings required it then, or do now."""
    if run.approval:
        return True
    requiring = LdapServer.objects.requiring_approval().filter(readings__run=run)
    return requiring.exists() and run.stored_changes.filter(outcome=Outcome.PLANNED).exists()


def permission(run: Run) -> Permission:
    """Return the permission that applying or discarding the run's plan needs.

    A plan beyond a limit and an undo need a SYSADMIN. Any server administrator can start a plan that waits only for
    approval, so any of them may approve it.
    """
    if needed(run) and not run.held_back and run.undo_of_id is None:
        return Permission.SYSTEM
    return Permission.ADMIN


def refuse_unless_second(*, run: Run, by: Actor) -> None:
    """Refuse an approval by a person who had a part in the plan.

    Raises:
        Refused: the message names their part, and people who can approve.
    """
    if not needed(run):
        return
    if by.user_id is None:
        raise Refused(
            f"the plan of run {run.pk} needs the approval of a second administrator, who gives it in the console: "
            f"{alerts_and_mails.address_of(run)}"
        )
    parts = _parts(run)
    if by.user_id in parts:
        raise Refused(
            f"the plan of run {run.pk} needs the approval of a second administrator, and you {parts[by.user_id]}: "
            f"{_who_can(_others(run, parts))}"
        )


def _parts(run: Run) -> dict[int, str]:
    """Return the part that each person had in the plan, by user id: they started it, or changed settings that it is based on."""
    # An undo is based on what a run has changed, not on settings.
    parts = plan_contributors.editors(run) if run.undo_of_id is None else {}
    if run.started_by_id is not None:
        parts[run.started_by_id] = "started it"
    return parts


def _others(run: Run, parts: Collection[int]) -> list[str]:
    """Return usernames of people who can approve the plan, at most one more than a message names."""
    required = permission(run)
    roles = [role.pk for role in Role.objects.all() if holds(role.permissions, required)]
    able = User.objects.filter(active=True, blocked=False, grants__role__in=roles).exclude(pk__in=parts)
    return list(able.order_by("username_key").distinct().values_list("username", flat=True)[: _NAMED + 1])


def _who_can(names: list[str]) -> str:
    if not names:
        return "nobody else can; give another administrator the role, or turn the approval off in the server's settings"
    more = " and others" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more} can"
