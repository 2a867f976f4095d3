"""Makes the plan of a sync or an undo: keeps the last SYSADMIN, counts the decisions and stores them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Self

from directory.models import RunChange
from directory.sync import lease, run_stopwatch
from directory.sync.plan import stored_users
from directory.sync.plan.rules.last_sysadmin import LastSysadmin
from directory.sync.run_context import RunContext
from directory.sync.stored import plan_rows
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import DecidedUser, PlanContext


class Planner:
    """Takes decisions page by page; ``also_store`` writes further rows in the transaction that stores the decisions.

    A change that would leave no SYSADMIN is deferred: before the end of the plan another user may become one.
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
        """Return an empty plan; orgs in ``org_ids`` are counted even if they have no users."""
        guard = LastSysadmin(stored_users.sysadmins(), plan_context.admin_roles)
        counts = PlanCounts.of_nobody(plan_context.admin_roles, org_ids)
        return cls(context, guard=guard, counts=counts, also_store=also_store)

    def add(self, page: Iterable[DecidedUser]) -> None:
        """Store the decisions for these users; those that would leave no SYSADMIN are deferred."""
        certain: list[DecidedUser] = []
        for each in page:
            (certain if self._guard.passes(each.change) else self._deferred).append(each)
        self._store(certain)

    def add_unchanged(self, counts: Mapping[tuple[int, int, bool], int]) -> None:
        """Count users whose cached decision holds, by (org id, server id, whether active)."""
        self.counts.add_unchanged(counts)
        self._context.lease.stay(phase="planning", done=self.counts.users)

    def add_deleted(self, rows: Collection[RunChange], step: str) -> None:
        """Count and store, with this step, that users whom an earlier run has changed are deleted."""
        self.counts.deleted += len(rows)
        plan_rows.gone(run=self._context.run, changes=rows, step=step)

    def decide_deferred(self) -> None:
        """Decide the deferred changes at the end: one that would still leave no SYSADMIN keeps its user."""
        passes, keep = self._guard.passes, self._guard.keep
        self._store(
            [each if passes(each.change) else each._replace(change=keep(each.change)) for each in self._deferred]
        )

    def renew(self) -> None:
        """Renew the lease, and show how many users are decided."""
        self._context.lease.renew(phase="planning", done=self.counts.users)

    def _store(self, decided: Sequence[DecidedUser]) -> None:
        for each in decided:
            self.counts.add_user(each)
        with run_stopwatch.step("storing the plan"), lease.redoable():
            self.renew()
            plan_rows.planned(run=self._context.run, changes=decided)
            self._also_store(decided)
