"""I16: acts on many users were confirmed as their size asks, end or have a worker, and did what their rows say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce

from directory.models import LIVE_BULK_STATES, BulkAct, BulkActUser, BulkState, UserOutcome
from directory.values.bulk import bulk_limits
from orgs.models import AuditEntry
from orgs.text import counted

# When beat and a worker run, another worker takes an act whose worker died within two minutes.
FORGOTTEN_AFTER = timedelta(minutes=15)
CHANGED = (UserOutcome.DONE, UserOutcome.BLOCKED_INSTEAD)


def confirmed(_at: datetime) -> Iterator[str]:
    """A confirmed act has a time; a large one the number of its users, as its person typed it."""
    acts = BulkAct.objects.exclude(state=BulkState.PREPARED)
    untyped = Q(typed_count=None) & (Q(total__gt=bulk_limits.FREE) | ~Q(limits=[]))
    wrong = Q(confirmed_at=None) | untyped | Q(typed_count__isnull=False) & ~Q(typed_count=F("total"))
    for act in acts.filter(wrong).order_by("pk").iterator():
        users = counted(act.total, "user", "users")
        yield f"{act} on {users} is {act.state}, but was confirmed at {act.confirmed_at} with the number {act.typed_count}"
    for act in BulkAct.objects.filter(state=BulkState.PREPARED).exclude(done=0, left_out=0, failed=0).order_by("pk"):
        yield f"{act} was never confirmed, but has results"


def ended_cleanly(at: datetime) -> Iterator[str]:
    """An ended act has an end time, no worker, and a result for each user unless it was stopped; a live one is worked on."""
    ended = BulkAct.objects.exclude(state__in=[*LIVE_BULK_STATES, BulkState.PREPARED])
    left = Q(finished_at=None) | Q(lease_until__isnull=False) | ~Q(owner="")
    for act in ended.filter(left).order_by("pk").iterator():
        yield f"{act} is {act.state}, but has no end or still belongs to a worker ('{act.owner}')"
    waiting = BulkActUser.objects.filter(bulk_act=OuterRef("pk"), outcome=UserOutcome.WAITING)
    for act in ended.filter(Exists(waiting), state=BulkState.DONE).order_by("pk").iterator():
        yield f"{act} is done, but users still wait for it"
    begun = Coalesce("started_at", "confirmed_at")
    lost = BulkAct.objects.abandoned().annotate(begun=begun).filter(begun__lt=at - FORGOTTEN_AFTER)
    for act in lost.filter(lease_until=None).order_by("pk").iterator():
        yield f"{act} is {act.state}, and nobody works on it"


def counts(_at: datetime) -> Iterator[str]:
    """The counts of an act are those of its rows."""
    results = {outcome: Count("chosen", filter=Q(chosen__outcome=outcome)) for outcome in UserOutcome}
    found = BulkAct.objects.annotate(
        rows=Count("chosen"),
        rows_done=results[UserOutcome.DONE],
        rows_instead=results[UserOutcome.BLOCKED_INSTEAD],
        rows_left_out=results[UserOutcome.LEFT_OUT],
        rows_failed=results[UserOutcome.FAILED],
    )
    fits = Q(
        rows=F("total"),
        rows_done=F("done") - F("rows_instead"),
        rows_left_out=F("left_out"),
        rows_failed=F("failed"),
    )
    for act in found.exclude(fits).order_by("pk").iterator():
        yield f"{act} says {act.done} done, {act.left_out} left out, {act.failed} failed of {act.total}; its rows do not"


def in_the_audit_trail(_at: datetime) -> Iterator[str]:
    """Whom an act has changed has an audit entry that names it; nobody else has one."""
    entries = AuditEntry.objects.filter(
        object_type="user", object_id=OuterRef("user"), bulk_act_id=OuterRef("bulk_act")
    )
    without = BulkActUser.objects.filter(outcome__in=CHANGED).exclude(Exists(entries))
    for row in without.order_by("pk").iterator():
        yield f"bulk act {row.bulk_act_id} has changed user {row.user_id}, but the audit trail does not say so"
    rows = BulkActUser.objects.filter(bulk_act=OuterRef("bulk_act_id"), user=OuterRef("object_id"))
    acts = BulkAct.objects.filter(pk=OuterRef("bulk_act_id"))
    named = AuditEntry.objects.filter(Exists(acts), object_type="user", bulk_act_id__isnull=False)
    for entry in named.exclude(Exists(rows.filter(outcome__in=CHANGED))).order_by("pk").iterator():
        yield f"audit entry {entry.pk} says that bulk act {entry.bulk_act_id} changed user {entry.object_id}, who is not in it"
