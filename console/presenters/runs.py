"""Presents runs: counts, counts by org, allowed actions, and the table of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.listing.filters.runs import ChangeFilter
from console.listing.listing import Listing, show_list
from console.listing.tables.runs import ChangeTable
from console.presenters import leaving_devices
from console.presenters.orgs.missing_orgs import MissingOrg, missing_orgs
from console.presenters.undo_effects import undo_effects
from console.security.access import ConsoleRequest, author
from directory import found_elsewhere
from directory.actions import plan_approvers, stored_plans, undo
from directory.models import Run, RunChange, RunState
from directory.sync.stored import not_checked
from directory.sync.stored.not_checked import Unchecked
from directory.values import run_counts
from directory.values.plan import Outcome
from directory.values.run_counts import RunCount
from orgs.models import Org
from orgs.permissions import Permission

__all__ = ["CHANGE_COLUMNS", "change_rows", "plan_of", "run_page", "tiles"]


@dataclass(frozen=True, slots=True)
class Tile:
    """One count of a run."""

    label: str | Promise
    count: int
    icon: str
    tone: str
    query: str


def tiles(run: Run) -> list[Tile]:
    """Return the counts of a run."""
    return [_tile(run, count, run.counts.get(count.key, 0)) for count in _counts_of(run)] if run.counts else []


def _counts_of(run: Run) -> list[RunCount]:
    return [count for count in run_counts.COUNTS if count.in_undo or run.undo_of_id is None]


def _tile(run: Run, count: RunCount, number: int) -> Tile:
    badge = badges.run_count(count)
    if not number:
        return Tile(_label(run, count), number, badge.icon, "quiet", "")
    return Tile(_label(run, count), number, badge.icon, badge.tone, urlencode([count.filter] if count.filter else []))


def _label(run: Run, count: RunCount) -> str | Promise:
    """Return the label of a count; an undo counts only the users whom the undone run changed."""
    if count is run_counts.USERS and run.undo_of_id is not None:
        return _("Users changed by the run")
    return badges.run_count(count).text


@dataclass(frozen=True, slots=True)
class OrgCounts:
    """One org's counts in a run, in the order of the columns."""

    id: int | None
    name: str
    counts: list[int]


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions of the viewer on a run's plan; ``problem`` is why they can't apply it."""

    may_decide: bool
    needs_approval: bool
    problem: str
    effects: list[str]


@dataclass(frozen=True, slots=True)
class Undo:
    """Whether the viewer may undo a run; ``problem`` is why they can't."""

    may_start: bool
    changed: int
    problem: str


@dataclass(slots=True)
class RunPage:
    """All values on the page of one run beside its row."""

    tiles: list[Tile]
    columns: list[str | Promise]
    orgs: list[OrgCounts]
    readings: list[Any]
    plan: Plan | None
    undo: Undo | None
    applications: list[Run]
    undos: list[Run]
    incomplete: list[Unchecked]
    missing_orgs: list[MissingOrg]
    may_create_orgs: bool
    may_decide_elsewhere: bool
    percent: int | None
    listing: Listing | None


def run_page(run: Run, request: ConsoleRequest) -> RunPage:
    """Return the values on the page of one run."""
    shown = [count for count in run_counts.COUNTS if any(row.get(count.key) for row in run.org_counts)]
    return RunPage(
        tiles=tiles(run),
        columns=[_label(run, count) for count in shown],
        orgs=_org_counts(run, [count.key for count in shown]),
        readings=list(run.readings.order_by("pk")),
        plan=plan_of(run, request),
        undo=_undo_of(run, request),
        applications=list(run.applications.order_by("pk")),
        undos=list(run.undos.filter(simulated=False).order_by("pk")),
        incomplete=not_checked.from_json(run.incomplete),
        missing_orgs=missing_orgs(run, request.user) if run.unknown_orgs else [],
        may_create_orgs=request.user.may(Permission.ORG_CREATE),
        may_decide_elsewhere=request.user.may(Permission.ADMIN)
        and any(part["reason"] == found_elsewhere.SHARED for part in run.incomplete),
        percent=round(100 * run.done / run.total) if run.total else None,
        listing=None if run.live else _changes(run, request),
    )


def plan_of(run: Run, request: ConsoleRequest) -> Plan | None:
    """Return the viewer's actions on the run's plan; None if there is no plan to apply."""
    if run.state != RunState.HELD_BACK and not (run.simulated and run.state == RunState.PLANNED):
        return None
    may_decide = request.user.may(plan_approvers.permission(run))
    return Plan(
        may_decide=may_decide,
        needs_approval=plan_approvers.needed(run),
        problem=stored_plans.why_not_applicable(run=run, by=author(request), at=timezone.now()) if may_decide else "",
        effects=undo_effects(run) if run.undo_of_id is not None else leaving_devices.of_plan(run, at=timezone.now()),
    )


def _undo_of(run: Run, request: ConsoleRequest) -> Undo | None:
    changed = 0 if run.live or run.simulated else run.stored_changes.filter(outcome=Outcome.APPLIED).count()
    if not changed:
        return None
    return Undo(may_start=request.user.may(Permission.ADMIN), changed=changed, problem=undo.why_not(run))


def _org_counts(run: Run, keys: list[str]) -> list[OrgCounts]:
    there = set(Org.objects.filter(pk__in=[row.get("id") for row in run.org_counts]).values_list("pk", flat=True))
    return [
        OrgCounts(
            id=row.get("id") if row.get("id") in there else None,
            name=row.get("name", ""),
            counts=[row.get(key, 0) for key in keys],
        )
        for row in run.org_counts
    ]


def _changes(run: Run, request: ConsoleRequest) -> Listing:
    rows, ends = run.changes.in_order().for_a_list(), run.stored_changes.ends()
    export = reverse("runs:csv", args=[run.pk])
    if run.repeats.exists():
        return show_list(request, rows, table=ChangeTable, filters=ChangeFilter, export=export)
    if ends is None:
        # A list without rows needs no filters.
        return show_list(request, rows, table=ChangeTable, export=export)
    return show_list(request, rows.filter(pk__range=ends), table=ChangeTable, filters=ChangeFilter, export=export)


CHANGE_COLUMNS = (
    "username",
    "outcome",
    "actions",
    "cause",
    "ldap_server",
    "org_before",
    "org_after",
    "active_before",
    "active_after",
    "blocked_before",
    "blocked_after",
    "roles_before",
    "roles_after",
    "username_after",
    "email_before",
    "email_after",
    "first_name_before",
    "first_name_after",
    "last_name_before",
    "last_name_after",
    "warnings",
    "steps",
    "applied_at",
)


def change_rows(changes: Iterable[RunChange]) -> Iterator[list[Any]]:
    """Yield the changes as rows of a CSV file."""
    streamed = changes.iterator(chunk_size=1000) if hasattr(changes, "iterator") else changes
    for change in streamed:
        before, after = change.before, change.after
        pairs = [side.get(key, "") for key in ("org", "active", "blocked", "roles") for side in (before, after)]
        yield [
            change.username,
            change.outcome,
            change.actions,
            change.cause,
            change.server_name,
            *pairs,
            after.get("username", ""),
            *(side.get(key, "") for key in ("email", "first_name", "last_name") for side in (before, after)),
            "; ".join(map(str, change.warnings)),
            "; ".join(map(str, change.steps)),
            change.applied_at,
        ]
