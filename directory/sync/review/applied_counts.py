"""Counts what was applied of a run's plan, for the limits of the runs of the next 24 hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from directory.models import Run, RunChange, RunServer
from directory.sync.stored import plan_counts, plan_json
from directory.values.plan import Action, Cause, Change, Outcome

# Changes with any other outcome, even an unknown one, count as applied.
NOT_APPLIED = (Outcome.PLANNED, Outcome.CHANGED_MEANWHILE, Outcome.REFUSED)
CHUNK = 2000


def of(run: Run) -> dict[int, dict[str, Any]]:
    """Return the limit counts of a run's readings, by their ids, with the counts of the applied changes.

    These are the plan's counts less those of changes that were not applied. One query reads these changes; they are few
    unless the run was stopped.
    """
    counted = run.readings.exclude(limit_counts={}).filter(server__isnull=False)
    readings = {row.server_id or 0: row for row in counted.only("run", "server", "limit_counts")}
    skipped = _skipped(run, {pk: row.limit_counts for pk, row in readings.items()}) if readings else {}
    return {
        row.pk: {**row.limit_counts, "applied": dict(Counter(row.limit_counts["counts"]) - skipped[pk])}
        for pk, row in readings.items()
    }


def store(counts: Mapping[int, Mapping[str, Any]]) -> None:
    """Store the limit counts of readings, by their ids; call it in the transaction that ends their run."""
    for pk, each in counts.items():
        RunServer.objects.filter(pk=pk).update(limit_counts=each)


def _skipped(run: Run, counted: Mapping[int, Mapping[str, Any]]) -> dict[int, Counter[str]]:
    """Return by server id the counts of the changes that were not applied."""
    # Take the roles as they were when the plan was counted: only what was counted then may be subtracted.
    admin_roles = {pk: frozenset(each.get("admin_roles", ())) for pk, each in counted.items()}
    skipped: dict[int, Counter[str]] = {pk: Counter() for pk in counted}
    rest = RunChange.objects.filter(run=run, outcome__in=NOT_APPLIED, server__in=counted).order_by()
    columns = ("server", "actions", "cause", "before", "after")
    for server, actions, cause, before, after in rest.values_list(*columns).iterator(chunk_size=CHUNK):
        if actions:
            change = _change(actions, cause, before, after)
            skipped[server].update(plan_counts.counted_for_limits(change, admin_roles[server]))
    return skipped


def _change(actions: list[str], cause: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    return Change(
        user_id=0,
        outcome=Outcome.PLANNED,
        before=plan_json.account_from_json(before),
        after=plan_json.account_from_json(after),
        steps=(),
        actions=tuple(map(Action, actions)),
        cause=Cause(cause),
    )
