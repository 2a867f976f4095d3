"""A plan while it is made, of a sync or of an undo: keeps the last SYSADMIN, counts, and stores what is decided."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Self

from directory.models import RunChange
from directory.sync import lease, timing
from directory.sync.plan import users_in_scope
from directory.sync.plan.rules.last_sysadmin import LastSysadmin
from directory.sync.run_context import RunContext
from directory.sync.stored import plan_rows
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import DecidedUser, PlanContext


class Planner:
    """Takes decisions page by page; ``also_store`` writes what goes with them, in the transaction that stores them.

    Whoever would be the last SYSADMIN to go is deferred: until the end somebody else may become one.
    """

    def __init__(
        self,
        context: RunContext,
        *,
        guard: LastSysadmin,
        counts: PlanCounts,
        also_store: Callable[[Sequence[DecidedUser]], None],
    ) -> None:
        self.counts = counts
        self._context = context
        self._guard = guard
        self._also_store = also_store
        self._deferred: list[DecidedUser] = []

    @classmethod
    def begin(
        cls,
        context: RunContext,
        plan_context: PlanContext,
        *,
        also_store: Callable[[Sequence[DecidedUser]], None],
        org_ids: Iterable[int] = (),
    ) -> Self:
        """Return an empty plan; orgs in ``org_ids`` are counted even where nobody is in them."""
        guard = LastSysadmin(users_in_scope.sysadmins(), plan_context.admin_roles)
        counts = PlanCounts.of_nobody(plan_context.admin_roles, org_ids)
        return cls(context, guard=guard, counts=counts, also_store=also_store)

    def add(self, page: Iterable[DecidedUser]) -> None:
        """Store what is decided for these users, but for those who have to wait for the end."""
        certain: list[DecidedUser] = []
        for each in page:
            (certain if self._guard.passes(each.change) else self._deferred).append(each)
        self._store(certain)

    def add_unchanged(self, counts: Mapping[tuple[int, int, bool], int]) -> None:
        """Count users for whom there still is nothing to do, by (org id, server id, whether active)."""
        self.counts.add_unchanged(counts)
        self._context.lease.stay(phase="planning", done=self.counts.users)

    def add_deleted(self, rows: Collection[RunChange], step: str) -> None:
        """Count users whom an earlier run has changed and who have been deleted, and store that, with this step."""
        self.counts.deleted += len(rows)
        plan_rows.gone(run=self._context.run, changes=rows, step=step)

    def decide_deferred(self) -> None:
        """Decide at the end: who would still be the last SYSADMIN to go is kept."""
        passes, keep = self._guard.passes, self._guard.keep
        self._store(
            [each if passes(each.change) else each._replace(change=keep(each.change)) for each in self._deferred]
        )

    def renew(self) -> None:
        """Stay in charge of the run, and show how many users are decided about."""
        self._context.lease.renew(phase="planning", done=self.counts.users)

    def _store(self, decided: Sequence[DecidedUser]) -> None:
        for each in decided:
            self.counts.add_user(each)
        with timing.step("storing the plan"), lease.redoable():
            self.renew()
            plan_rows.planned(run=self._context.run, changes=decided)
            self._also_store(decided)
