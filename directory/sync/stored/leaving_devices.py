"""Reads which devices would stop if a plan were applied now, and how many bytes of archives would go to cold storage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from directory import void_plans
from directory.models import Run, RunChange, RunState
from directory.models.runs.run_changes import RunChangeQuerySet
from directory.models.runs.states import LIVE_STATES, PLAN_LIFETIME
from directory.values.plan import Action, Outcome
from orgs.models import Archive, ArchiveState, Device
from orgs.rules.inheritance import effective_settings


@dataclass(frozen=True, slots=True)
class LeavingDevice:
    """One device that stops with its user; without a live archive it has 0 bytes and no expiry."""

    name: str
    guid: str
    size_bytes: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeavingTotals:
    """How many devices stop, and the archives that go to cold storage; orgs may keep them for different times."""

    devices: int
    archives: int
    size_bytes: int
    first_expiry: datetime | None
    last_expiry: datetime | None


def waits(run: Run, *, at: datetime) -> bool:
    """Return whether a run has a plan, other than that of an undo, that is neither applied nor overtaken nor too old."""
    is_plan = run.state == RunState.HELD_BACK or (run.simulated and run.state == RunState.PLANNED)
    if not is_plan or run.undo_of_id is not None or run.planned_at is None or at - run.planned_at > PLAN_LIFETIME:
        return False
    is_applied = run.applications.filter(state__in=[*LIVE_STATES, RunState.APPLIED]).exists()
    return not is_applied and void_plans.overtaken_by(run) is None


def totals(run: Run, *, at: datetime) -> LeavingTotals | None:
    """Return what the plan of a run means for devices and archives as they are now; None if no plan waits."""
    if not waits(run, at=at):
        return None
    users = _deactivating(run.stored_changes.all()).values("user")
    devices = Device.objects.filter(user__in=users, active=True)
    archives = Archive.objects.filter(device__in=devices.order_by().values("pk"), state=ArchiveState.LIVE).order_by()
    by_org = list(archives.values_list("device__user__org_id").annotate(Count("pk"), Sum("size_bytes")))
    expiries = _expiries({org_id for org_id, _, _ in by_org}, at=at).values()
    return LeavingTotals(
        devices=devices.count(),
        archives=sum(count for _, count, _ in by_org),
        size_bytes=sum(size or 0 for _, _, size in by_org),
        first_expiry=min(expiries, default=None),
        last_expiry=max(expiries, default=None),
    )


def of_changes(changes: Iterable[RunChange], *, at: datetime) -> dict[int, list[LeavingDevice]]:
    """Return the devices that stop with each of these planned deactivations, by the user's id; by two or three queries."""
    users = [each.user_id for each in changes if each.outcome == Outcome.PLANNED and Action.DEACTIVATE in each.actions]
    if not users:
        return {}
    devices = Device.objects.filter(user__among=users, active=True).order_by("user", "name", "pk")
    live = Q(archives__state=ArchiveState.LIVE)
    rows: QuerySet[Any] = devices.annotate(
        stored=Sum("archives__size_bytes", filter=live), kept=Count("archives", filter=live)
    )
    expiries = _expiries(set(devices.order_by().values_list("user__org_id", flat=True).distinct()), at=at)
    found: dict[int, list[LeavingDevice]] = {}
    for user, org, name, guid, size, kept in rows.values_list(
        "user_id", "user__org_id", "name", "guid", "stored", "kept"
    ):
        found.setdefault(user, []).append(LeavingDevice(name, guid, size or 0, expiries[org] if kept else None))
    return found


def in_batches(
    changes: RunChangeQuerySet, *, at: datetime, size: int = 1000
) -> Iterator[tuple[RunChange, list[LeavingDevice]]]:
    """Yield changes with the devices that stop by each, reading the devices of many changes at once."""
    batch: list[RunChange] = []
    for change in changes.iterator(chunk_size=size):
        batch.append(change)
        if len(batch) == size:
            yield from _with_devices(batch, at=at)
            batch = []
    yield from _with_devices(batch, at=at)


def _with_devices(batch: list[RunChange], *, at: datetime) -> Iterator[tuple[RunChange, list[LeavingDevice]]]:
    found = of_changes(batch, at=at)
    for change in batch:
        yield change, found.get(change.user_id or 0, [])


def _deactivating(changes: RunChangeQuerySet) -> RunChangeQuerySet:
    return changes.filter(outcome=Outcome.PLANNED, before__active=True, after__active=False)


def _expiries(org_ids: Collection[int], *, at: datetime) -> dict[int, datetime]:
    """Return when an archive expires that goes to cold storage now, by org."""
    settings = effective_settings() if org_ids else {}
    return {org_id: at + timedelta(days=settings[org_id].archive_retention_days) for org_id in org_ids}
