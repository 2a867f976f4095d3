"""Makes the plan of an undo: decides about every user whom the run has changed, page by page."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from directory.models import Run, RunChange, RunState
from directory.org_scope import orgs_in_scope
from directory.sync import run_texts
from directory.sync.plan import stored_users
from directory.sync.plan.plan_context import load_plan_context
from directory.sync.plan.planner import Planner
from directory.sync.plan.precondition_facts import to_note
from directory.sync.plan.taken_usernames import TakenUsernames
from directory.sync.review import approval_review
from directory.sync.run_context import RunContext
from directory.sync.stored import plan_json, plan_rows, side_effects
from directory.sync.undo import inverse
from directory.sync.undo.inverse import Done, PresentState
from directory.values.plan import Action, DecidedUser, LookupResult, Outcome, PlanContext, Presence, StoredUser
from orgs.text import fold

log = logging.getLogger("rollcall.sync")

PAGE = 500
DELETED = "The user has been deleted since: nothing can be put back."


@dataclass(slots=True)
class UndoCounts:
    """The counts of an undo beside its plan: names of orgs by id, users left alone, and users put back into scope."""

    scope: Collection[int]
    org_names: dict[int, str] = field(default_factory=dict)
    left_alone: int = 0
    back_in_scope: int = 0

    def add(self, decided: Sequence[DecidedUser]) -> None:
        """Count these users."""
        for change, *_ in decided:
            self.org_names[change.before.org_id] = change.before.org
            planned = change.outcome is Outcome.PLANNED
            self.left_alone += not planned
            self.back_in_scope += planned and change.after.org_id in self.scope


def make_plan(context: RunContext) -> None:
    """Decide about every user whom the run has changed, and store the plan with its counts."""
    undone = context.run.undo_of
    if undone is None:
        raise ValueError(f"run {context.run.pk} undoes nothing")
    log.info(run_texts.undoing(context.run.pk, undone.pk, simulated=True))
    with transaction.atomic():
        context.lease.save(state=RunState.READING, started_at=context.lease.clock())
        plan_rows.forget(run=context.run)
    scope = orgs_in_scope()
    plan_context = load_plan_context(scope)
    more = UndoCounts(scope)
    planner = Planner.begin(context, plan_context, also_store=more.add)
    decisions = UndoDecisions(context, undone, plan_context)
    for page in _pages(undone):
        planner.add(decisions.of(page))
        planner.add_deleted([row for row in page if row.user_id is None], DELETED)
    planner.decide_deferred()
    counts = planner.counts
    context.lease.save(
        counts=counts.totals(),
        org_counts=counts.by_org(more.org_names),
        warnings=_warnings(undone, more.back_in_scope, more.left_alone + counts.deleted),
        approval=approval_review.reasons(context.run),
        surroundings=to_note(plan_context, {}),
        planned_at=context.lease.clock(),
    )


def _pages(run: Run) -> Iterator[list[RunChange]]:
    last = 0
    applied = RunChange.objects.filter(run=run, outcome=Outcome.APPLIED).order_by("pk")
    while page := list(applied.filter(pk__gt=last)[:PAGE]):
        last = page[-1].pk
        yield page


class UndoDecisions:
    """Makes the decisions of an undo, page by page."""

    def __init__(self, context: RunContext, undone: Run, plan_context: PlanContext) -> None:
        self._context = context
        self._undone = undone
        self._org_names = {org.id: org.name for org in plan_context.orgs.values()}
        self._roles = frozenset(plan_context.roles.values())
        self._taken_usernames = TakenUsernames(self._renamed)

    def of(self, page: Sequence[RunChange]) -> list[DecidedUser]:
        """Return the decisions about the users of one page of changes, without users who are deleted."""
        done = {row.user_id: row for row in page if row.user_id is not None}
        users = stored_users.load(list(done))
        former_names = {pk: fold(done[pk].before["username"]) for pk in users if Action.RENAME in done[pk].actions}
        return self._decided(users, done, taken=self._taken_usernames.among(former_names))

    def _decided(
        self, users: Mapping[int, StoredUser], done: Mapping[int, RunChange], *, taken: Collection[int]
    ) -> list[DecidedUser]:
        """Decide about these users; the users in ``taken`` do not get their former username back."""
        at = self._context.lease.clock()
        now = side_effects.read({pk: done[pk].actions for pk in users})
        decided = []
        for pk, user in users.items():
            present = PresentState(
                at=at,
                orgs=self._org_names,
                roles=self._roles,
                states=now[pk].states,
                devices=now[pk].devices,
                archives=now[pk].archives,
                name_is_taken=pk in taken,
            )
            change, put_back = inverse.decide(user, _done(done[pk]), present)
            decided.append(DecidedUser(change, user, _lookup(done[pk]), put_back))
        return decided

    def _renamed(self, pk: int) -> str:
        """Return the folded username that this undo gives a user back, if no conflict forbids it; empty for none."""
        row = RunChange.objects.filter(run=self._undone, outcome=Outcome.APPLIED, user=pk).first()
        if row is None:
            return ""
        change = self._decided(stored_users.load([pk]), {pk: row}, taken=())[0].change
        planned = change.outcome is Outcome.PLANNED and Action.RENAME in change.actions
        return fold(change.after.username) if planned else ""


def _warnings(undone: Run, back_in_scope: int, left_alone: int) -> list[str]:
    found = []
    if back_in_scope and _goes_back_before_a_sync(undone):
        found.append(
            f"The next sync will do it again to {_people(back_in_scope)}, unless the directory, the scripts or the "
            "settings have changed."
        )
    if left_alone:
        found.append(
            f"{_people(left_alone)} {'is' if left_alone == 1 else 'are'} left alone, changed since or impossible to put "
            "back: see the steps."
        )
    return found


def _goes_back_before_a_sync(undone: Run) -> bool:
    """Return whether an undo of this run goes back to before a sync; the undo of an undo restores a sync's changes."""
    steps, run = 0, undone
    while run.undo_of is not None:
        steps, run = steps + 1, run.undo_of
    return steps % 2 == 0


def _people(count: int) -> str:
    return f"{count} user{'' if count == 1 else 's'}"


def _done(row: RunChange) -> Done:
    return Done(
        run_id=row.run_id,
        actions=tuple(row.actions),
        before=plan_json.account_from_json(row.before),
        after=plan_json.account_from_json(row.after),
        side_effects=row.side_effects,
    )


def _lookup(row: RunChange) -> LookupResult:
    return LookupResult(Presence.NOT_CHECKED, row.server_name, row.server_id or 0)
