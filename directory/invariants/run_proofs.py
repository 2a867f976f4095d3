"""I1, I5, I9, I10: each change by a run has a proof, and runs left alone the users whom they may not change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from directory.models import Run, RunChange, RunServer, RunState, StoredEntry, SyncSettings
from directory.values.plan import Cause, MatchedBy, Outcome
from orgs.models import AuditEntry, User

# Without refused and changed users: an undo may find these before it applies anything.
PLANNED_OR_APPLIED = (Outcome.PLANNED, Outcome.APPLIED)
UNTOUCHED = (
    Outcome.UNCHANGED,
    Outcome.KEPT,
    Outcome.SCRIPT_ERROR,
    Outcome.CONFLICT,
    Outcome.NOT_CHECKED,
    Outcome.WAITING,
)
# An undo is based on what another run did, not on the directory.
FROM_THE_DIRECTORY = Q(run__undo_of=None)
# The run that read the entries: the run itself, or the simulation whose plan it applies.
READER = Coalesce("run__plan_from_id", "run_id")
MADE = Q(outcome=Outcome.APPLIED) | Q(applied_at__isnull=False)
CUT_OFF = Q(before__active=True, after__active=False)
SHUT_OUT = Q(before__blocked=False, after__blocked=True) | Q(before__pending=False, after__pending=True)
BACK = Q(before__active=False, after__active=True)
LET_IN = Q(before__blocked=True, after__blocked=False)


def rows_of_runs() -> QuerySet[AuditEntry]:
    """Return the audit rows of runs whose changes are all kept; an older row with a run's id belongs to an earlier run."""
    whole = Run.objects.filter(pk=OuterRef("run_id"), created_at__lt=OuterRef("at"), cleared_at=None)
    return AuditEntry.objects.filter(Exists(whole))


def _named(change: RunChange) -> str:
    return f"run {change.run_id}, change {change.pk} of user {change.user_id} ({change.username})"


def readings(_at: datetime) -> Iterator[str]:
    """A complete reading has no error and does not match more entries than it read."""
    wrong = RunServer.objects.filter(complete=True).filter(~Q(error="") | Q(matched__gt=F("entries")))
    for row in wrong.order_by("pk").iterator():
        yield f"run {row.run_id} read {row.server_name} to its end, but {row.error or 'matched more entries than it read'}"


def decided_by_a_complete_reading(_at: datetime) -> Iterator[str]:
    """Every planned change of a user is based on a server that the run read completely."""
    complete = RunServer.objects.filter(run=OuterRef("run"), server=OuterRef("server"), complete=True)
    wrong = RunChange.objects.filter(FROM_THE_DIRECTORY, outcome__in=PLANNED_OR_APPLIED, server__isnull=False)
    for change in wrong.exclude(Exists(complete)).order_by("pk").iterator():
        yield f"{_named(change)} goes by {change.server_name}, which the run did not read to its end"


def absent_by_a_full_reading(_at: datetime) -> Iterator[str]:
    """No incremental reading decides that a user is absent."""
    partial = RunServer.objects.filter(run=OuterRef("run"), server=OuterRef("server")).exclude(since={})
    wrong = RunChange.objects.filter(
        Exists(partial), FROM_THE_DIRECTORY, cause=Cause.ABSENT, outcome__in=PLANNED_OR_APPLIED
    )
    for change in wrong.order_by("pk").iterator():
        yield f"{_named(change)} says absent, but {change.server_name} was only asked for what had changed"


def cut_off_with_a_cause(_at: datetime) -> Iterator[str]:
    """Nobody is deactivated, blocked or marked as pending unless they are absent or the active script returned inactive."""
    wrong = RunChange.objects.filter(
        CUT_OFF | SHUT_OUT, FROM_THE_DIRECTORY, outcome__in=PLANNED_OR_APPLIED, cause=Cause.NONE
    )
    for change in wrong.order_by("pk").iterator():
        yield f"{_named(change)} deactivates or blocks, and names no cause"


def cut_off_against_the_entry(_at: datetime) -> Iterator[str]:
    """While the deciding entry is still stored unchanged, its verdict is the one that the run used."""
    rows = RunChange.objects.filter(FROM_THE_DIRECTORY, outcome__in=PLANNED_OR_APPLIED, user__isnull=False)
    for change in rows.filter(entry__isnull=False, cause=Cause.ABSENT).order_by("pk").iterator():
        yield f"{_named(change)} says absent, but the same reading found an entry for the user"
    active = _deciding_entry().filter(verdict__active=True)
    for change in rows.annotate(reader=READER).filter(Exists(active), cause=Cause.SCRIPT).order_by("pk").iterator():
        yield f"{_named(change)} says inactive by script, but the stored verdict is active"


def _deciding_entry() -> QuerySet[StoredEntry]:
    """Return the entry that decided the change of the outer query, unless a later reading has overwritten it."""
    # Run id 0: written by an attempt of a run that was not its last.
    return StoredEntry.objects.filter(pk=OuterRef("entry"), run_id__gt=0, run_id__lte=OuterRef("reader"))


def cut_off_on_hold(_at: datetime) -> Iterator[str]:
    """Nobody on legal hold is deactivated."""
    wrong = RunChange.objects.filter(CUT_OFF, outcome__in=PLANNED_OR_APPLIED, facts__on_hold=True)
    for change in wrong.order_by("pk").iterator():
        yield f"{_named(change)} deactivates a user who was on legal hold"


def untouched(_at: datetime) -> Iterator[str]:
    """A change that leaves its user alone has no actions and no differences; a planned or applied one has actions."""
    rows = RunChange.objects.filter(outcome__in=UNTOUCHED).exclude(actions=[])
    for change in rows.order_by("pk").iterator():
        yield f"{_named(change)} is listed as {change.outcome}, but has actions: {', '.join(change.actions)}"
    rows = RunChange.objects.filter(outcome__in=UNTOUCHED).exclude(before=F("after"))
    for change in rows.order_by("pk").iterator():
        # SQLite compares the texts: two spellings of the same JSON differ there.
        if change.before != change.after:
            yield f"{_named(change)} is listed as {change.outcome}, but what it wants is not what was"
    for change in RunChange.objects.filter(outcome__in=PLANNED_OR_APPLIED, actions=[]).order_by("pk").iterator():
        yield f"{_named(change)} is listed as {change.outcome}, but has no action"


def touched_only_as_planned(_at: datetime) -> Iterator[str]:
    """A run writes audit rows only about users whose change it applied."""
    change = RunChange.objects.filter(run=OuterRef("run_id"), user=OuterRef("object_id"))
    wrong = rows_of_runs().filter(object_type="user").exclude(Exists(change.filter(outcome=Outcome.APPLIED)))
    for row in wrong.order_by("pk").iterator():
        yield (
            f"audit entry {row.pk}: run {row.run_id} did '{row.action}' to user {row.object_id} ({row.object_label}) "
            "without an applied change that says so"
        )


def deactivated_only_as_planned(_at: datetime) -> Iterator[str]:
    """A run deactivated only users whom it had planned to deactivate."""
    planned = RunChange.objects.filter(CUT_OFF, run=OuterRef("run_id"), user=OuterRef("object_id"))
    done = rows_of_runs().filter(object_type="user", action="user deactivated")
    for row in done.exclude(Exists(planned.filter(outcome=Outcome.APPLIED))).order_by("pk").iterator():
        yield (
            f"audit entry {row.pk}: run {row.run_id} deactivated user {row.object_id} ({row.object_label}), "
            "which its plan did not say"
        )


def managed_locally(_at: datetime) -> Iterator[str]:
    """No sync has changed a user since a person marked the user as managed locally."""
    since = AuditEntry.objects.filter(object_type="user", object_id=OuterRef("pk"), action="managed locally")
    local = User.objects.filter(managed_locally=True).annotate(since=Subquery(since.order_by("-pk").values("pk")[:1]))
    marked = dict(local.filter(since__isnull=False).values_list("pk", "since"))
    for row in rows_of_runs().filter(object_type="user", object_id__in=local.values("pk")).order_by("pk").iterator():
        if row.object_id in marked and row.pk > marked[row.object_id]:
            yield (
                f"audit entry {row.pk}: run {row.run_id} did '{row.action}' to user {row.object_id} "
                f"({row.object_label}), who is managed locally"
            )


def undone_only_what_a_sync_did(_at: datetime) -> Iterator[str]:
    """A sync reactivates or unblocks only users whom a sync had deactivated or blocked, unless settings ever allowed more."""
    allowed = AuditEntry.objects.filter(action="settings changed", after__reactivate_set_by_person=True)
    if SyncSettings.objects.filter(reactivate_set_by_person=True).exists() or allowed.exists():
        return
    by_person = (BACK & ~Q(facts__deactivated_by_sync=True)) | (LET_IN & ~Q(facts__blocked_by_sync=True))
    wrong = RunChange.objects.filter(by_person, FROM_THE_DIRECTORY, outcome__in=PLANNED_OR_APPLIED)
    for change in wrong.order_by("pk").iterator():
        yield f"{_named(change)} brings back a user whom a person had deactivated or blocked"


def simulations(_at: datetime) -> Iterator[str]:
    """A simulation applies nothing and writes no audit row about changes."""
    simulated = Run.objects.filter(simulated=True)
    beyond = [RunState.APPLYING, RunState.APPLIED, RunState.HELD_BACK, RunState.DISCARDED]
    for run in simulated.filter(state__in=beyond).order_by("pk").iterator():
        yield f"run {run.pk} is a simulation and is {run.state}"
    done = RunChange.objects.filter(MADE, run__in=simulated)
    for change in done.order_by("pk").iterator():
        yield f"{_named(change)} is {change.outcome}, in a simulation"
    for row in rows_of_runs().filter(run_id__in=simulated.values("pk")).order_by("pk").iterator():
        yield f"audit entry {row.pk}: the simulation {row.run_id} did '{row.action}' to {row.object_label}"


def nothing_written_while_held_back(_at: datetime) -> Iterator[str]:
    """A plan that is held back or discarded has changed nobody."""
    idle = Run.objects.filter(state__in=[RunState.HELD_BACK, RunState.DISCARDED])
    for change in RunChange.objects.filter(MADE, run__in=idle).order_by("pk").iterator():
        yield f"{_named(change)} is {change.outcome}, though the plan was never applied"
    for row in rows_of_runs().filter(run_id__in=idle.values("pk")).order_by("pk").iterator():
        yield f"audit entry {row.pk}: run {row.run_id} did '{row.action}' to {row.object_label}, though it is held back"


def stored_entries(_at: datetime) -> Iterator[str]:
    """An entry with a user has a verdict and an existing run; no entry that several users claim has decided."""
    for entry in StoredEntry.objects.filter(user__isnull=False, verdict__isnull=True).order_by("pk").iterator():
        yield f"stored entry {entry.pk} ({entry.dn}) is taken for user {entry.user_id} and has no verdict"
    ambiguous = _deciding_entry().filter(ambiguous=True).exclude(matched_by=MatchedBy.ID)
    rows = RunChange.objects.filter(FROM_THE_DIRECTORY, outcome__in=PLANNED_OR_APPLIED).annotate(reader=READER)
    for change in rows.filter(Exists(ambiguous)).order_by("pk").iterator():
        yield f"{_named(change)} was decided by an entry that several users claim"
    existing = Q(Exists(Run.objects.filter(pk=OuterRef("run_id"))))
    if AuditEntry.objects.filter(action="old rows removed", after__runs__gt=0).exists():
        # The run that wrote an old, unchanged entry may have been removed.
        existing |= Q(run_id__lt=Run.objects.aggregate(last=Max("pk"))["last"] or 0)
    for entry in StoredEntry.objects.exclude(run_id=0).exclude(existing).order_by("pk").iterator():
        yield f"stored entry {entry.pk} ({entry.dn}) was read by run {entry.run_id}, which does not exist"
