"""Checks a plan against limits and approval, and stores its counts and warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from directory.sync import run_stopwatch
from directory.sync.identify import unidentified_entries
from directory.sync.read.read_result import ReadResult
from directory.sync.review import approval_review, limit_review
from directory.sync.review.limit_checks import Reason
from directory.sync.run_context import RunContext
from directory.sync.stored import not_checked
from directory.sync.stored.plan_counts import PlanCounts
from orgs.text import counted


@dataclass(frozen=True, slots=True)
class ReasonsToStop:
    """Why a plan is not applied at once: limits that it passes, and sentences about servers that require approval."""

    limits: Sequence[Reason]
    approval: Sequence[str]

    def __bool__(self) -> bool:
        """Return whether there is any reason."""
        return bool(self.limits or self.approval)


def reasons_to_stop(context: RunContext, read: ReadResult, counts: PlanCounts) -> ReasonsToStop:
    """Store the plan's counts, and return why it is not applied at once; a simulation gets the same counts and reasons."""
    with run_stopwatch.step("limits"):
        passed = check_limits(context, read, counts)
    waits = approval_review.reasons(context.run)
    context.lease.save(approval=waits)
    return ReasonsToStop(passed, waits)


def check_limits(context: RunContext, read: ReadResult, counts: PlanCounts) -> list[Reason]:
    """Store the plan's counts and the limits that it passes, and return these limits."""
    reasons = limit_review.reasons(context, read, counts)
    failed = [(row.server_name, row.error) for row in context.readings if not row.complete]
    context.lease.save(
        counts=counts.totals(),
        org_counts=counts.by_org({pk: org.org.name for pk, org in context.scope.items()}),
        unknown_orgs=dict(counts.unknown_orgs),
        warnings=_warnings(context, read, counts),
        incomplete=not_checked.to_json(not_checked.summed(counts.unchecked, failed)),
        held_back=[reason.message for reason in reasons],
        planned_at=context.lease.clock(),
    )
    return reasons


def _warnings(context: RunContext, read: ReadResult, counts: PlanCounts) -> list[str]:
    found = [f"{row.server_name}: {row.error}" for row in context.readings if row.error]
    for row in context.readings:
        if row.referrals:
            parts = ", ".join(row.referrals[:5])
            found.append(
                f"{row.server_name}: {counted(len(row.referrals), 'referral was', 'referrals were')} not followed: "
                f"{parts}. Turn “follow referrals” on to read what is there, or put the DN into “referrals left out” where nobody is"
            )
        found += unidentified_entries.warnings(row.server_name, row.counts)
        found += [f"{row.server_name}: {note}" for note in read.notes.get(row.pk, ())]
    if counts.waiting:
        found.append(
            f"{counts.waiting} absent {'user waits' if counts.waiting == 1 else 'users wait'}: see their steps."
        )
    for name, count in sorted(counts.unknown_orgs.items()):
        found.append(f"There is no org {name}: {count} {'user' if count == 1 else 'users'} would be placed there.")
    return found
