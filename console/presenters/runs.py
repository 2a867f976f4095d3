"""What the pages of runs show: tiles of counts, counts per org, what may be done, the table of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.listing.filters.runs import ChangeFilter
from console.listing.listing import Listing, show_list
from console.listing.tables.runs import ChangeTable
from console.presenters.undo_effects import undo_effects
from console.security.access import ConsoleRequest, author
from directory import last_found
from directory.actions import approval, runs, undo
from directory.models import Run, RunChange, RunState
from directory.sync.stored import not_checked
from directory.sync.stored.not_checked import Unchecked
from directory.values.plan import Outcome
from orgs.models import Org
from orgs.permissions import Permission

__all__ = ["CHANGE_COLUMNS", "change_rows", "plan_of", "run_page", "tiles"]

# What is counted: key, label, icon, tone where there are any, and the filter that lists them.
_COUNTED: tuple[tuple[str, str | Promise, str, str, str], ...] = (
    ("users", _("Users checked"), "users", "quiet", ""),
    ("deactivated", _("Deactivated"), "circle-off", "bad", "action=deactivate"),
    ("blocked", _("Blocked, deactivation pending"), "hourglass", "warn", "action=deactivation+pending"),
    ("activated", _("Reactivated"), "rotate-ccw", "good", "action=activated"),
    ("moved", _("Moved"), "arrow-right-left", "info", "action=move"),
    ("rolesChanged", _("Roles changed"), "key-round", "info", "action=set+roles"),
    ("renamed", _("Renamed"), "id-card", "info", "action=rename"),
    ("profileChanged", _("Name or email changed"), "pencil", "info", "action=update+profile"),
    ("scriptErrors", _("Script errors"), "circle-x", "bad", "outcome=script+error"),
    ("notChecked", _("Not checked"), "circle-question-mark", "warn", "outcome=not+checked"),
    ("conflicts", _("Conflicts"), "git-fork", "bad", "outcome=conflict"),
    ("warnings", _("Warnings"), "triangle-alert", "warn", "warnings=yes"),
)


# An undo reads no directory and asks no script.
_BY_READING = {"scriptErrors", "notChecked", "conflicts"}


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
    counts = run.counts or {}
    return [
        Tile(
            _label(run, key, label),
            count,
            icon,
            tone if count else "quiet",
            query if count else "",
        )
        for key, label, icon, tone, query in _COUNTED
        if (count := counts.get(key, 0)) is not None and counts and (key not in _BY_READING or run.undo_of_id is None)
    ]


def _label(run: Run, key: str, label: str | Promise) -> str | Promise:
    """An undo looks at those only whom the run had changed."""
    return _("Users changed by the run") if key == "users" and run.undo_of_id is not None else label


@dataclass(frozen=True, slots=True)
class OrgCounts:
    """One org's counts in a run, in the order of the columns."""

    id: int | None
    name: str
    counts: list[int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the viewer may do with a run's plan; ``problem`` says why they can't apply it."""

    may_decide: bool
    needs_approval: bool
    problem: str
    effects: list[str]


@dataclass(frozen=True, slots=True)
class Undo:
    """What the viewer may do to take a run back; ``problem`` says why it can't be."""

    may_start: bool
    changed: int
    problem: str


@dataclass(slots=True)
class RunPage:
    """Everything about one run that its row does not say."""

    tiles: list[Tile]
    columns: list[str | Promise]
    orgs: list[OrgCounts]
    readings: list[Any]
    plan: Plan | None
    undo: Undo | None
    applications: list[Run]
    undos: list[Run]
    incomplete: list[Unchecked]
    may_decide_elsewhere: bool
    percent: int | None
    listing: Listing | None


def run_page(run: Run, request: ConsoleRequest) -> RunPage:
    """Return what the page of one run shows."""
    shown = [column for column in _COUNTED if any(row.get(column[0]) for row in run.org_counts)]
    return RunPage(
        tiles=tiles(run),
        columns=[_label(run, column[0], column[1]) for column in shown],
        orgs=_org_counts(run, [column[0] for column in shown]),
        readings=list(run.readings.order_by("pk")),
        plan=plan_of(run, request),
        undo=_undo_of(run, request),
        applications=list(run.applications.order_by("pk")),
        undos=list(run.undos.filter(simulated=False).order_by("pk")),
        incomplete=not_checked.from_json(run.incomplete),
        may_decide_elsewhere=request.user.may(Permission.ADMIN)
        and any(part["reason"] == last_found.SHARED for part in run.incomplete),
        percent=round(100 * run.done / run.total) if run.total else None,
        listing=None if run.live else _changes(run, request),
    )


def plan_of(run: Run, request: ConsoleRequest) -> Plan | None:
    """Return what may be done with the run's plan; None where there is none to apply."""
    if run.state != RunState.HELD_BACK and not (run.simulated and run.state == RunState.PLANNED):
        return None
    may_decide = request.user.may(approval.permission(run))
    return Plan(
        may_decide=may_decide,
        needs_approval=approval.needed(run),
        problem=runs.why_not_applicable(run=run, by=author(request), at=timezone.now()) if may_decide else "",
        effects=undo_effects(run) if run.undo_of_id is not None else [],
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
        # Of nothing, nothing can be filtered out.
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
