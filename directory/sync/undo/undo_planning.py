"""Rows of an applied run → a plan that goes back: page by page, decided anew for each user as they are now."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from directory.models import Run, RunChange, RunState
from directory.scope import orgs_in_scope
from directory.sync import report
from directory.sync.plan import plan_context, users_in_scope
from directory.sync.plan.rules.last_sysadmin import LastSysadmin
from directory.sync.plan.rules.rename_chains import NameChains
from directory.sync.review import approval
from directory.sync.run_context import RunContext
from directory.sync.stored import plan_rows, serialization, side_effects
from directory.sync.stored.plan_counts import PlanCounts
from directory.sync.undo import inverse
from directory.sync.undo.inverse import Done, PresentState
from directory.values.plan import Action, Change, LookupResult, Outcome, PlanContext, Presence, StoredUser
from directory.values.run_counts import filled
from orgs.text import fold

log = logging.getLogger("rollcall.sync")

PAGE = 500
DELETED = "The user has been deleted since: nothing can be put back."


def make_plan(work: RunContext) -> None:
    """Decide for every user whom the run has changed, and store the plan with its counts."""
    undone = work.run.undo_of
    if undone is None:
        raise ValueError(f"run {work.run.pk} undoes nothing")
    log.info(report.undoing(work.run.pk, undone.pk, simulated=True))
    with transaction.atomic():
        work.lease.save(state=RunState.READING, started_at=work.lease.clock())
        plan_rows.forget(run=work.run)
    context = users_in_scope.plan_context(orgs_in_scope())
    planner = UndoPlanner(
        work,
        undone,
        context,
        LastSysadmin(users_in_scope.sysadmins(), context.admin_roles),
        PlanCounts(context.admin_roles),
    )
    for page in _pages(undone):
        planner.plan(page)
    planner.decide_deferred()
    planner.store_counts()


def _pages(run: Run) -> Iterator[list[RunChange]]:
    last = 0
    applied = RunChange.objects.filter(run=run, outcome=Outcome.APPLIED).order_by("pk")
    while page := list(applied.filter(pk__gt=last)[:PAGE]):
        last = page[-1].pk
        yield page


@dataclass(slots=True)
class Decided:
    """What is decided for one user, and what it was decided from."""

    change: Change
    known: StoredUser
    done: RunChange
    put_back: dict[str, object]


@dataclass(slots=True)
class UndoPlanner:
    """A plan that goes back while it is being made; ``deferred`` waits, as nobody would be a SYSADMIN any more so far."""

    work: RunContext
    undone: Run
    plan_context: PlanContext
    guard: LastSysadmin
    counts: PlanCounts
    deferred: list[Decided] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    deleted: int = 0
    skipped: int = 0
    follows: int = 0
    passed_on: NameChains = field(init=False)

    def __post_init__(self) -> None:
        self.passed_on = NameChains(self._renamed, users_in_scope.owner_of)

    def plan(self, page: Sequence[RunChange]) -> None:
        """Decide for one page of users and store it."""
        certain: list[Decided] = []
        for each in self._decide(page):
            (certain if self.guard.passes(each.change) else self.deferred).append(each)
        self._store(certain)
        gone = [row for row in page if row.user_id is None]
        self.deleted += len(gone)
        plan_rows.gone(run=self.work.run, changes=gone, step=DELETED)

    def decide_deferred(self) -> None:
        """Decide at the end who has to stay the last SYSADMIN."""
        for each in self.deferred:
            if not self.guard.passes(each.change):
                each.change = self.guard.keep(each.change)
        self._store(self.deferred)

    def _decide(self, page: Sequence[RunChange]) -> list[Decided]:
        done = {row.user_id: row for row in page if row.user_id is not None}
        known = users_in_scope.load(list(done))
        return self._decided(known, done, taken=self._taken({pk: done[pk] for pk in known}))

    def _decided(
        self, known: Mapping[int, StoredUser], done: Mapping[int, RunChange], *, taken: Collection[int]
    ) -> list[Decided]:
        """Decide for these users; whose former username is ``taken`` does not get it back."""
        at = self.work.lease.clock()
        now = side_effects.read({pk: done[pk].actions for pk in known})
        orgs = {org.id: org.name for org in self.plan_context.orgs.values()}
        roles = frozenset(self.plan_context.roles.values())
        decided = []
        for pk, user in known.items():
            present = PresentState(
                at=at,
                orgs=orgs,
                roles=roles,
                states=now[pk].states,
                devices=now[pk].devices,
                archives=now[pk].archives,
                name_is_taken=pk in taken,
            )
            change, put_back = inverse.decide(user, _done(done[pk]), present)
            decided.append(Decided(change, user, done[pk], put_back))
        return decided

    def _taken(self, done: Mapping[int, RunChange]) -> set[int]:
        """Return the users whose former usernames are others' now, unless this undo gives them back."""
        former_names = {pk: fold(row.before["username"]) for pk, row in done.items() if Action.RENAME in row.actions}
        others = users_in_scope.usernames_of_others({pk: [name] for pk, name in former_names.items()})
        owners = {pk: names[former_names[pk]] for pk, names in others.items() if names}
        return {pk for pk, owner in owners.items() if not self.passed_on.gives_up(owner)}

    def _renamed(self, pk: int) -> str:
        """Return the username that this very undo gives a user back, as far as nobody else has it; empty for none."""
        row = RunChange.objects.filter(run=self.undone, outcome=Outcome.APPLIED, user=pk).first()
        if row is None:
            return ""
        change = self._decided(users_in_scope.load([pk]), {pk: row}, taken=())[0].change
        planned = change.outcome is Outcome.PLANNED and Action.RENAME in change.actions
        return fold(change.after.username) if planned else ""

    def _store(self, decided: Sequence[Decided]) -> None:
        scope = orgs_in_scope()
        for each in decided:
            change = each.change
            self.names[change.before.org_id] = change.before.org
            self.counts.add(change, server=each.done.server_id or 0, evaluated=False)
            planned = change.outcome is Outcome.PLANNED
            self.skipped += not planned
            self.follows += planned and change.after.org_id in scope
        with transaction.atomic():
            self.work.lease.renew(phase="planning", done=self._counted())
            plan_rows.planned(
                run=self.work.run,
                changes=[(each.change, each.known, _lookup_result(each.done)) for each in decided],
                put_back={each.change.user_id: each.put_back for each in decided},
            )

    def _counted(self) -> int:
        return self.deleted + sum(org["users"] for org in self.counts.orgs.values())

    def store_counts(self) -> None:
        """Store what the plan comes to."""
        counts = self.counts.totals()
        self.work.lease.save(
            counts={**counts, "users": self._counted()},
            org_counts=[{"id": pk, "name": self.names[pk], **filled(part)} for pk, part in self.counts.orgs.items()],
            warnings=self._warnings(),
            approval=approval.reasons(self.work.run),
            surroundings=plan_context.to_note(self.plan_context, {}),
            planned_at=self.work.lease.clock(),
        )

    def _warnings(self) -> list[str]:
        found = []
        if self.follows and _goes_back_before_a_sync(self.undone):
            found.append(
                f"The next sync will do it again to {_people(self.follows)}, unless the directory, the scripts or the "
                "settings have changed."
            )
        if left := self.skipped + self.deleted:
            found.append(
                f"{_people(left)} {'is' if left == 1 else 'are'} left alone, changed since or impossible to put back: see "
                "the steps."
            )
        return found


def _goes_back_before_a_sync(undone: Run) -> bool:
    """Return whether an undo of this run goes back to before a sync; the undo of an undo puts a sync's work in force."""
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
        before=serialization.account_from_json(row.before),
        after=serialization.account_from_json(row.after),
        side_effects=row.side_effects,
    )


def _lookup_result(row: RunChange) -> LookupResult:
    return LookupResult(Presence.NOT_CHECKED, row.server_name, row.server_id or 0)
