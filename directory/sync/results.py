"""What a run came to, for machines: the summary, and one object for each user with anything to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from directory.models import Run, RunChange, RunState
from directory.sync.tally import filled
from directory.sync.values import Outcome

ACCOUNT_KEYS = ("username", "email", "first_name", "last_name", "active", "blocked", "org", "roles")


def summary(run: Run) -> dict[str, Any]:
    """Return a run as one JSON object."""
    return {
        "run": run.pk,
        "state": run.state,
        "simulated": run.simulated,
        "heldBack": list(run.held_back),
        **filled(run.counts),
        "orgs": list(run.org_counts),
        "seconds": run.seconds,
        "notApplied": _not_applied(run),
        "error": run.error,
        "warningMessages": list(run.warnings),
    }


def _not_applied(run: Run) -> int:
    """Return how many planned changes were not made, because the user had changed or a rule forbade it."""
    return run.changes.filter(outcome__in=[Outcome.CHANGED_MEANWHILE, Outcome.REFUSED]).count()


def changes(run: Run) -> Iterator[dict[str, Any]]:
    """Yield one JSON object for each user with anything to say, in the order in which they were decided."""
    for row in run.changes.in_order().iterator(chunk_size=1000):
        yield change(row)


def change(row: RunChange) -> dict[str, Any]:
    """Return one user's change as a JSON object."""
    return {
        "username": row.username,
        "actions": list(row.actions),
        "outcome": row.outcome,
        "before": _account(row.before),
        "after": _account(row.after),
        "steps": list(row.steps),
        "warnings": list(row.warnings),
    }


def _account(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {key: stored[key] for key in ACCOUNT_KEYS}


_WORDS = {
    "users": "users",
    "deactivated": "deactivated",
    "blocked": "blocked, deactivation pending",
    "activated": "activated",
    "moved": "moved",
    "rolesChanged": "roles changed",
    "renamed": "renamed",
    "profileChanged": "name or email changed",
    "scriptErrors": "script errors",
    "notChecked": "not checked",
    "conflicts": "conflicts",
    "warnings": "warnings",
}


def text(run: Run) -> Iterator[str]:
    """Yield a run's summary as lines for a person."""
    kind = "Simulation" if run.simulated else "Sync"
    yield f"{kind} {run.pk}: {RunState(run.state).label}"
    if run.counts:
        for key, count in filled(run.counts).items():
            if count or key == "users":
                yield f"  {count:>7} {_WORDS[key]}"
    if skipped := _not_applied(run):
        yield f"  {skipped:>7} not applied: changed meanwhile, or refused"
    for reason in run.held_back:
        yield f"  limit: {reason}"
    for warning in run.warnings:
        yield f"  warning: {warning}"
