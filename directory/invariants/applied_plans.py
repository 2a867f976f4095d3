"""I13: applied plans were not overtaken, and kept the limits or were approved by a person who had no part in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Exists, F, Max, OuterRef, Q
from django.db.models.functions import Coalesce

from directory.models import Run, RunChange, RunServer, RunState
from directory.values import server_fields
from directory.values.plan import Cause, Outcome
from directory.values.server_limits import Counted
from directory.void_plans import applied_since
from orgs.models import AuditEntry
from orgs.text import counted

APPLIED = [RunState.APPLYING, RunState.APPLIED]
# All outcomes of a change that was once planned.
PLANNED = (Outcome.PLANNED, Outcome.APPLIED, Outcome.CHANGED_MEANWHILE, Outcome.REFUSED)
COUNTED = {Cause.ABSENT: Counted.ABSENT, Cause.SCRIPT: Counted.INACTIVE}


def overtaken(_at: datetime) -> Iterator[str]:
    """No plan was applied after another plan for one of its servers had been applied since this plan was made."""
    mine = RunServer.objects.filter(run=OuterRef(OuterRef("pk")), server=OuterRef("server"), complete=True)
    later = RunServer.objects.filter(
        Exists(mine),
        complete=True,
        run__simulated=False,
        run__undo_of=None,
        run__state=RunState.APPLIED,
        run__finished_at__lt=OuterRef("approved_at"),
    )
    plans = Run.objects.filter(state__in=APPLIED, approved_at__isnull=False, undo_of=None)
    aged = plans.annotate(age=Coalesce("plan_from", F("pk")))
    wrong = aged.annotate(newer=Exists(later.filter(applied_since(OuterRef("age"))).exclude(run=OuterRef("pk"))))
    for run in wrong.filter(newer=True).order_by("pk").iterator():
        yield f"run {run.pk} applied a plan at {run.approved_at}, after another plan for its servers had been applied"


def limits_are_counted(_at: datetime) -> Iterator[str]:
    """Passed limits are among the reasons to hold a run back; planned and applied deactivations are counted for limits."""
    with_counts = RunServer.objects.exclude(limit_counts={}).filter(run__planned_at__isnull=False, server__isnull=False)
    planned: Counter[tuple[int, int, str]] = Counter()
    applied: Counter[tuple[int, int, str]] = Counter()
    rows = RunChange.objects.filter(outcome__in=PLANNED, cause__gt="", server__isnull=False).order_by()
    found_rows = rows.values_list("run", "server", "cause").annotate(
        Count("pk"), made=Count("pk", filter=Q(outcome=Outcome.APPLIED))
    )
    for run_id, server_id, cause, count, made in found_rows.iterator():
        planned[run_id, server_id or 0, cause] = count
        applied[run_id, server_id or 0, cause] = made
    columns = ("run", "server", "server_name", "limit_counts", "run__held_back")
    for run_id, server_id, name, limits, reasons in with_counts.order_by("pk").values_list(*columns).iterator():
        if limits.get("passed") and not reasons:
            yield f"run {run_id} passed limits of {name} ({', '.join(limits['passed'])}) and does not say so"
        for cause, key in COUNTED.items():
            found, stored = planned[run_id, server_id or 0, cause.value], limits.get("counts", {}).get(key, 0)
            if found > stored:
                users = counted(found, "user", "users")
                yield f"run {run_id} wants {users} to leave ({cause}) by {name}, and counted {stored} for its limits"
            left, kept = (
                applied[run_id, server_id or 0, cause.value],
                limits.get("applied", limits.get("counts", {})).get(key, 0),
            )
            if left > kept:
                users = counted(left, "user", "users")
                yield f"run {run_id} has made {users} leave ({cause}) by {name}, and counts {kept} for later limits"


def approved_by_a_second(_at: datetime) -> Iterator[str]:
    """A plan that needed a second administrator was applied by an administrator who had no part in it."""
    plans = Run.objects.filter(state__in=APPLIED).exclude(approval=[])
    for run in plans.filter(Q(approved_by=None) | Q(approved_by=F("started_by"))).order_by("pk").iterator():
        yield f"run {run.pk} needed a second administrator, and was applied by {run.approved_by_label or 'nobody'}"
    for run in plans.filter(approved_by__isnull=False, undo_of=None).order_by("pk").iterator():
        servers = run.readings.filter(server__isnull=False).values("server")
        acts = AuditEntry.objects.filter(
            object_type="LDAP server", object_id__in=servers, actor=run.approved_by_id, run_id=None
        )
        if (since := _last_plan(run)) is not None:
            acts = acts.filter(at__gt=since)
        for pk, after in acts.filter(at__lt=run.approved_at).order_by("pk").values_list("pk", "after").iterator():
            if set(after) - server_fields.harmless():
                yield f"run {run.pk} was approved by {run.approved_by_label}, who had changed its servers (audit entry {pk})"


def _last_plan(run: Run) -> datetime | None:
    """Return the start of the last earlier run on any of these servers whose plan changed a user; None for no such run."""
    changed = RunChange.objects.filter(run=OuterRef("run"), outcome=Outcome.APPLIED)
    before = RunServer.objects.filter(
        Exists(changed),
        server__in=run.readings.values("server"),
        complete=True,
        run__simulated=False,
        run__state=RunState.APPLIED,
        run__lt=run.pk,
    ).annotate(began=Coalesce("run__plan_from__started_at", "run__started_at"))
    found: datetime | None = before.aggregate(last=Max("began"))["last"]
    return found
