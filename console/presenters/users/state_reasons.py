"""Says why a user is blocked, deactivated or about to be: the run with its steps, or the person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from directory.models import Run, RunChange, RunState
from directory.values.plan import Action, Outcome
from orgs.models import AuditEntry, SetBy, User

_CUT_OFF = {Action.BLOCK, Action.DEACTIVATE, Action.SET_PENDING}
_UNDECIDED = (Outcome.SCRIPT_ERROR, Outcome.CONFLICT, Outcome.NOT_CHECKED, Outcome.WAITING)
_BY_HAND = ("user blocked", "user deactivated", "deactivation pending")


@dataclass(frozen=True, slots=True)
class StateReason:
    """Why the user's state is as it is; ``run`` with its steps if a sync set it, else ``who``."""

    title: str | Promise
    at: datetime | None
    who: str = ""
    run: Run | None = None
    steps: tuple[str, ...] = ()


def left_alone(user: User) -> RunChange | None:
    """Return the decision of the last sync if it could not decide about the user; None if it could, or did not try."""
    runs = Run.objects.filter(simulated=False, state=RunState.APPLIED, undo_of=None, plan_from=None)
    last = runs.order_by("-pk").values_list("pk", flat=True).first()
    if last is None:
        return None
    about = RunChange.objects.of(last).filter(user=user, outcome__in=_UNDECIDED)
    return about.only("run", "outcome", "steps", "user").first()


def state_reason(user: User) -> StateReason | None:
    """Return why a user is cut off; None for an active user who is not."""
    if not user.active:
        title, by, at = _("Why deactivated?"), user.deactivated_by, user.deactivated_at
    elif user.pending:
        title, by, at = _("Why is the deactivation pending?"), user.pending_by, user.pending_at
    elif user.blocked:
        title, by, at = _("Why blocked?"), user.blocked_by, user.blocked_at
    else:
        return None
    if by == SetBy.SYNC:
        return _of_sync(user, title, at)
    entry = AuditEntry.objects.filter(object_type="user", object_id=user.pk, action__in=_BY_HAND, run_id=None)
    last = entry.newest_first().first()
    return StateReason(title, at, who=last.actor_label if last is not None else "")


def _of_sync(user: User, title: Promise, at: datetime | None) -> StateReason:
    applied = RunChange.objects.filter(user=user, outcome=Outcome.APPLIED).order_by("-pk")
    cut_off = (pk for pk, actions in applied.values_list("pk", "actions") if not _CUT_OFF.isdisjoint(actions))
    change = RunChange.objects.with_runs_named().filter(pk=next(cut_off, 0)).first()
    if change is None:
        return StateReason(title, at)
    return StateReason(title, at, run=change.run, steps=tuple(change.steps))
