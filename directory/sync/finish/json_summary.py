"""The result of a run as JSON: the summary, and one object for each change; and the summary as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from directory.models import Run, RunChange, RunServer, RunState
from directory.sync.stored import leaving_devices, not_checked
from directory.sync.stored.leaving_devices import LeavingDevice, LeavingTotals
from directory.values import run_counts
from directory.values.plan import Outcome
from orgs.text import counted

ACCOUNT_KEYS = ("username", "email", "first_name", "last_name", "active", "blocked", "org", "roles")


def summary(run: Run, *, at: datetime) -> dict[str, Any]:
    """Return a run as one JSON object; ``leaving`` is null unless it has a plan that waits."""
    leaving = leaving_devices.totals(run, at=at)
    return {
        "run": run.pk,
        "state": run.state,
        "simulated": run.simulated,
        "undoOf": run.undo_of_id,
        "heldBack": list(run.held_back),
        "needsApproval": list(run.approval),
        **run_counts.filled(run.counts),
        "leaving": leaving and _leaving(leaving),
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


def changes(run: Run, *, at: datetime) -> Iterator[dict[str, Any]]:
    """Yield one JSON object for each stored change, in the order in which they were decided."""
    if not leaving_devices.waits(run, at=at):
        for row in run.changes.in_order().iterator(chunk_size=1000):
            yield change(row)
        return
    for row, devices in leaving_devices.in_batches(run.changes.in_order(), at=at):
        yield change(row, devices)


def change(row: RunChange, leaving: Sequence[LeavingDevice] = ()) -> dict[str, Any]:
    """Return one user's change as a JSON object, with the devices that stop if it is applied."""
    return {
        "username": row.username,
        "actions": list(row.actions),
        "outcome": row.outcome,
        "before": _account(row.before),
        "after": _account(row.after),
        "steps": list(row.steps),
        "warnings": list(row.warnings),
        "leaving": [
            {"device": each.name, "guid": each.guid, "bytes": each.size_bytes, "expires": _day(each.expires_at)}
            for each in leaving
        ],
    }


def _leaving(totals: LeavingTotals) -> dict[str, Any]:
    return {
        "devices": totals.devices,
        "archives": totals.archives,
        "bytes": totals.size_bytes,
        "firstExpires": _day(totals.first_expiry),
        "lastExpires": _day(totals.last_expiry),
    }


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else timezone.localdate(moment).isoformat()


def _account(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {key: stored[key] for key in ACCOUNT_KEYS}


def text(run: Run, *, at: datetime) -> Iterator[str]:
    """Yield a run's summary as lines for a person."""
    yield f"{_kind(run)} {run.pk}: {RunState(run.state).label}"
    if run.counts:
        for count in run_counts.COUNTS:
            number = run.counts.get(count.key, 0)
            if number or count is run_counts.USERS:
                yield f"  {number:>7} {count.one if number == 1 else count.many}"
    yield from _leaving_line(leaving_devices.totals(run, at=at))
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


def _leaving_line(totals: LeavingTotals | None) -> Iterator[str]:
    if totals is None or not totals.devices:
        return
    words = f"  {totals.devices:>7} {'device stops' if totals.devices == 1 else 'devices stop'}"
    if totals.archives:
        size = filesizeformat(totals.size_bytes).replace("\xa0", " ")
        words += f"; {counted(totals.archives, 'archive', 'archives')} ({size}) to cold storage"
        days = sorted({str(_day(totals.first_expiry)), str(_day(totals.last_expiry))})
        words += f", {'expires' if totals.archives == 1 else 'expire'} {' to '.join(days)}"
    yield words


def _kind(run: Run) -> str:
    if run.undo_of_id is not None:
        return f"{'Simulated undo' if run.simulated else 'Undo'} of run {run.undo_of_id}, run"
    return "Simulation" if run.simulated else "Sync"
