"""I3, I4: each run ends or has a worker, holds its servers until its end, and sends each mail once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Now

from directory.invariants.run_proofs import UNTOUCHED
from directory.models import LIVE_STATES, Mail, MailKind, Run, RunChange, RunRepeat, RunServer, RunState
from directory.sync.stored import plan_counts
from directory.values import run_counts
from directory.values.plan import Outcome
from orgs.models import AuditEntry
from orgs.text import counted

# When beat and a worker run, another worker takes a run whose worker died within two minutes.
FORGOTTEN_AFTER = timedelta(minutes=15)
MADE = (Outcome.APPLIED, Outcome.CHANGED_MEANWHILE, Outcome.REFUSED)


def servers_of_live_runs(_at: datetime) -> Iterator[str]:
    """A run holds its servers from start to end, so that no other run takes them; an ended run holds none."""
    ended = RunServer.objects.filter(live=True).exclude(run__state__in=LIVE_STATES)
    for row in ended.select_related("run").order_by("pk").iterator():
        yield f"run {row.run_id} is {row.run.state}, but still holds {row.server_name}"
    free = RunServer.objects.filter(live=False, run__state__in=LIVE_STATES, server__isnull=False)
    for row in free.select_related("run").order_by("pk").iterator():
        yield f"run {row.run_id} is {row.run.state}, but does not hold {row.server_name}, which another run could take"


def ended_cleanly(_at: datetime) -> Iterator[str]:
    """An ended run has an end time and no worker; a live run has no end time."""
    left = Q(finished_at=None) | Q(lease_until__isnull=False) | ~Q(owner="")
    for run in Run.objects.filter(left).exclude(state__in=LIVE_STATES).order_by("pk").iterator():
        yield f"run {run.pk} is {run.state}, but has no end or still belongs to a worker ('{run.owner}')"
    for run in Run.objects.filter(state__in=LIVE_STATES, finished_at__isnull=False).order_by("pk").iterator():
        yield f"run {run.pk} is {run.state}, but ended at {run.finished_at}"


def worked_on(at: datetime) -> Iterator[str]:
    """A live run has a worker, lost it only a moment ago, or waits while another run has a worker."""
    if Run.objects.live().exclude(pk__in=Run.objects.abandoned().values("pk")).exists():
        return
    last_entries = dict(
        AuditEntry.objects.filter(object_type="run", object_id__in=Run.objects.live().values("pk"))
        .values_list("object_id")
        .annotate(Max("at"))
    )
    # Leases use the database's clock.
    silent = Q(lease_until=None) | Q(lease_until__lt=Now() - FORGOTTEN_AFTER)
    for run in Run.objects.abandoned().filter(silent).order_by("pk"):
        signs_of_life = (run.created_at, run.started_at, run.planned_at, run.approved_at, last_entries.get(run.pk))
        last = max(moment for moment in signs_of_life if moment is not None)
        if at - last > FORGOTTEN_AFTER:
            yield f"run {run.pk} is {run.state}, and nobody has worked on it since {last}"


def plans(_at: datetime) -> Iterator[str]:
    """A plan has a time; an applied plan has no planned change left; each applied change has a time."""
    with_a_plan = [RunState.PLANNED, RunState.HELD_BACK, RunState.APPLYING, RunState.APPLIED, RunState.DISCARDED]
    for run in Run.objects.filter(state__in=with_a_plan, planned_at=None).order_by("pk").iterator():
        yield f"run {run.pk} is {run.state}, but has no time of its plan"
    left = RunChange.objects.filter(run__state=RunState.APPLIED, outcome=Outcome.PLANNED)
    for change in left.order_by("pk").iterator():
        yield f"run {change.run_id} is applied, but change {change.pk} of {change.username} is still planned"
    timed = Q(outcome=Outcome.APPLIED, applied_at=None) | Q(applied_at__isnull=False) & ~Q(outcome__in=MADE)
    for change in RunChange.objects.filter(timed).order_by("pk").iterator():
        yield f"run {change.run_id}, change {change.pk} of {change.username} is {change.outcome} at {change.applied_at}"


def approved(_at: datetime) -> Iterator[str]:
    """A plan that passed a limit or needed approval was applied only after a person's decision."""
    changed = RunChange.objects.filter(run=OuterRef("pk"), outcome=Outcome.APPLIED)
    unasked = Run.objects.filter(approved_by_label="").exclude(held_back=[], approval=[])
    for run in unasked.filter(Q(state__in=[RunState.APPLYING, RunState.APPLIED]) | Exists(changed)).order_by("pk"):
        reasons = " ".join([*run.held_back, *run.approval])
        yield f"run {run.pk} was applied without anybody's leave, though it needed it: {reasons}"


def plans_of_others(_at: datetime) -> Iterator[str]:
    """A run that applies another run's plan applies all changes of an earlier, finished simulation."""
    for run in Run.objects.filter(plan_from__isnull=False).select_related("plan_from").order_by("pk").iterator():
        source = run.plan_from
        if source is None or source.pk >= run.pk or not source.simulated or source.state != RunState.PLANNED:
            yield f"run {run.pk} applies the plan of run {run.plan_from_id}, which is no finished simulation before it"
    sizes = Counter(dict(RunChange.objects.values_list("run_id").annotate(Count("pk"))))
    sizes.update(dict(RunRepeat.objects.values_list("run_id").annotate(repeats=Sum(F("last") - F("first") + 1))))
    whole = Run.objects.filter(plan_from__isnull=False, cleared_at=None, plan_from__cleared_at=None)
    for pk, source_pk in whole.values_list("pk", "plan_from_id").order_by("pk"):
        if sizes[pk] != sizes[source_pk or 0]:
            yield f"run {pk} has {counted(sizes[pk], 'change', 'changes')}, the plan of run {source_pk} has {sizes[source_pk or 0]}"


def repeated(_at: datetime) -> Iterator[str]:
    """All changes that a run repeats exist, belong to earlier runs, and leave their users alone."""
    inside = RunChange.objects.filter(pk__range=(OuterRef("first"), OuterRef("last")))
    wrong = inside.filter(Q(digest=None) | Q(run__gte=OuterRef("run")) | ~Q(outcome__in=UNTOUCHED) | ~Q(actions=[]))
    for row in RunRepeat.objects.filter(Exists(wrong)).order_by("pk").iterator():
        yield f"run {row.run_id} repeats changes {row.first} to {row.last}, not all of which leave users alone"
    counted = inside.order_by().annotate(all=Value(1)).values("all").annotate(found=Count("pk")).values("found")
    present = Coalesce(Subquery(counted), 0)
    for row in RunRepeat.objects.exclude(Q(last=F("first") - 1 + present)).order_by("pk").iterator():
        yield f"run {row.run_id} repeats changes {row.first} to {row.last}, of which some are gone"


def undos(_at: datetime) -> Iterator[str]:
    """An undo is of an earlier, ended, real run, and undoes only what that run did."""
    for run in Run.objects.filter(undo_of__isnull=False).select_related("undo_of").order_by("pk").iterator():
        undone = run.undo_of
        if undone is None or undone.pk >= run.pk or undone.simulated or undone.live:
            yield f"run {run.pk} undoes run {run.undo_of_id}, which is no ended real run before it"
    done = RunChange.objects.filter(run=OuterRef("run__undo_of"), user=OuterRef("user"), outcome=Outcome.APPLIED)
    undone_changes = RunChange.objects.filter(run__undo_of__isnull=False, outcome=Outcome.APPLIED)
    for change in undone_changes.exclude(Exists(done)).order_by("pk").iterator():
        yield f"run {change.run_id} undid something for user {change.user_id} ({change.username}) that was not done"


def counts(_at: datetime) -> Iterator[str]:
    """The counts of a run that applied its plan, or a part of it, fit its applied changes."""
    made: dict[int, Counter[str]] = {}
    applied = RunChange.objects.filter(outcome=Outcome.APPLIED).exclude(run__state__in=LIVE_STATES)
    for run_id, outcome, actions in applied.values_list("run_id", "outcome", "actions").iterator(chunk_size=2000):
        made.setdefault(run_id, Counter()).update(plan_counts.counts_of(outcome, actions, 0))
    whole = Run.objects.filter(cleared_at=None).order_by("pk")
    for pk, state, stored_counts in whole.values_list("pk", "state", "counts").iterator():
        if pk not in made and state != RunState.APPLIED:
            continue
        found = made.get(pk, Counter())
        for key in (count.key for count in run_counts.of_actions()):
            if stored_counts.get(key, 0) != found[key]:
                yield f"run {pk} says {key}: {stored_counts.get(key, 0)}, but its applied changes are {found[key]}"


def mails(_at: datetime) -> Iterator[str]:
    """A run writes each kind of mail once, and only in the state that the mail is about."""
    fits = (
        Q(kind=MailKind.SUMMARY, run__state__in=[RunState.PLANNED, RunState.APPLIED])
        | (Q(kind=MailKind.INCOMPLETE, run__state__in=[RunState.PLANNED, RunState.APPLIED]) & ~Q(run__incomplete=[]))
        | Q(kind=MailKind.FAILED, run__state=RunState.FAILED)
        | (Q(kind=MailKind.HELD_BACK) & ~Q(run__held_back=[]))
        | (Q(kind=MailKind.APPROVAL) & ~Q(run__approval=[]))
    )
    columns = ("pk", "kind", "run", "run__state")
    of_runs = Mail.objects.exclude(run=None).exclude(fits).order_by("pk")
    for pk, kind, run, state in of_runs.values_list(*columns).iterator():
        yield f"mail {pk} is the {kind} mail of run {run}, which is {state}"
    twice = Mail.objects.values("message_id").annotate(n=Count("pk")).filter(n__gt=1)
    for mail in Mail.objects.filter(message_id__in=twice.values("message_id")).order_by("pk").iterator():
        yield f"mail {mail.pk} of run {mail.run_id} has the Message-ID {mail.message_id}, as another mail has"
