"""The result of a run as JSON: the summary, and one object for each change; and the summary as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from directory.models import Run, RunChange, RunServer, RunState
from directory.sync.stored import not_checked
from directory.values import run_counts
from directory.values.plan import Outcome

ACCOUNT_KEYS = ("username", "email", "first_name", "last_name", "active", "blocked", "org", "roles")


def summary(run: Run) -> dict[str, Any]:
    """Return a run as one JSON object."""
    return {
        "run": run.pk,
        "state": run.state,
        "simulated": run.simulated,
        "undoOf": run.undo_of_id,
        "heldBack": list(run.held_back),
        "needsApproval": list(run.approval),
        **run_counts.filled(run.counts),
        "orgs": list(run.org_counts),
        "readings": [_reading(reading) for reading in run.readings.order_by("pk")],
        "seconds": run.seconds,
        "notApplied": _not_applied(run),
        "error": run.error,
        "incomplete": list(run.incomplete),
        "warningMessages": list(run.warnings),
    }


def _reading(reading: RunServer) -> dict[str, Any]:
    return {
        "server": reading.server_name,
        "complete": reading.complete,
        "error": reading.error,
        "extent": reading.read_scope,
        "entries": reading.entries,
        "proof": reading.proof,
    }


def _not_applied(run: Run) -> int:
    """Return how many planned changes were not made, because the user had changed or a rule forbade them."""
    return run.stored_changes.filter(outcome__in=[Outcome.CHANGED_MEANWHILE, Outcome.REFUSED]).count()


def changes(run: Run) -> Iterator[dict[str, Any]]:
    """Yield one JSON object for each stored change, in the order in which they were decided."""
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


def text(run: Run) -> Iterator[str]:
    """Yield a run's summary as lines for a person."""
    yield f"{_kind(run)} {run.pk}: {RunState(run.state).label}"
    if run.counts:
        for count in run_counts.COUNTS:
            number = run.counts.get(count.key, 0)
            if number or count is run_counts.USERS:
                yield f"  {number:>7} {count.one if number == 1 else count.many}"
    if skipped := _not_applied(run):
        yield f"  {skipped:>7} not applied: changed meanwhile, or refused"
    for reading in run.readings.exclude(read_scope="").order_by("pk"):
        yield f"  {reading.server_name} was asked for {reading.read_scope}"
    for reason in run.held_back:
        yield f"  limit: {reason}"
    for reason in run.approval:
        yield f"  approval: {reason}"
    for each in not_checked.from_json(run.incomplete):
        yield f"  incomplete: {each.sentence}"
    for warning in run.warnings:
        yield f"  warning: {warning}"


def _kind(run: Run) -> str:
    if run.undo_of_id is not None:
        return f"{'Simulated undo' if run.simulated else 'Undo'} of run {run.undo_of_id}, run"
    return "Simulation" if run.simulated else "Sync"
