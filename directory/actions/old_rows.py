"""Removes rows after their retention time, in small transactions, so that nobody waits; safe to do twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from importlib import import_module
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet

from directory import retention
from directory.models import (
    LIVE_BULK_STATES,
    Alert,
    BulkAct,
    BulkActUser,
    FinishedUpload,
    Mail,
    Run,
    RunChange,
    RunRepeat,
)
from directory.models.runs.run_repeats import within
from directory.sync.review import plan_contributors
from directory.sync.stored import repeated_rows
from orgs.actions.audit import Fact, note
from orgs.models import Archive, AuditEntry, BackupReport, Device, RestoreJob, User
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import with_a_password

REMOVED = "old rows removed"
# Rows that one transaction removes.
PART = 2000
# Seconds after which the rest waits for the next call.
BUDGET = 20.0
# Audit entries about legal holds are never removed: about matters, their policies, and who was on hold.
LEGAL_HOLD_OBJECTS = ("matter", "preservation policy")
LEGAL_HOLD_ACTIONS = ("put on legal hold", "released from legal hold")


def remove_old(*, by: Actor, at: datetime, seconds: float = BUDGET) -> Counter[str]:
    """Remove rows that are older than the settings keep them; return the number of removed rows by kind.

    Users on legal hold keep their changes and audit entries, with those of their devices and archives. One audit row lists
    the numbers.
    """
    ends, kept = time.monotonic() + seconds, retention.chosen()
    _clear_sessions()
    removed: Counter[str] = Counter()
    for steps in _kinds(kept, at):
        for counts in steps:
            removed.update(counts)
            if time.monotonic() >= ends:
                break
    found = +removed
    if found:
        days = {"runs": kept.runs, "audit": kept.audit_days, "mails": kept.mails, "alerts": kept.alerts}
        note([Fact("retention", 1, "old rows", after={**found, "kept days": days})], action=REMOVED, by=by, at=at)
    return found


# Each step removes some rows and yields their number by kind.
Steps = Iterator[dict[str, int]]


def _kinds(kept: retention.Retention, at: datetime) -> Iterator[Steps]:
    """Yield the steps that remove each kind of row."""
    if before := kept.before(kept.mails, at):
        yield _parts("mails", Mail.objects.filter(~Q(sent_at=None, given_up_at=None), created_at__lt=before))
    if before := kept.before(kept.alerts, at):
        yield _parts("alerts", Alert.objects.filter(dismissed_at__lt=before))
    if before := kept.before(kept.reports, at):
        yield _parts("reports", BackupReport.objects.filter(at__lt=before))
    if before := kept.before(kept.runs, at):
        yield _runs(before, at)
        yield _bulk_acts(before)
    if before := kept.before(kept.audit_days, at):
        # As long as their audit entries: those say who requested them.
        yield _parts("restores", RestoreJob.objects.filter(requested_at__lt=before, ended_at__isnull=False))
        yield _audit_parts(before)
        yield _parts("uploads", FinishedUpload.objects.filter(done_at__lt=before))


def _clear_sessions() -> None:
    """Remove expired sessions."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def _parts(kind: str, rows: QuerySet[Any]) -> Steps:
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:PART]):
        with transaction.atomic():
            rows.filter(pk__among=ids).delete()
        yield {kind: len(ids)}


class OldEntry(NamedTuple):
    """An old audit entry, and the object that it is about."""

    pk: int
    object_type: str
    object_id: int


def _audit_parts(before: datetime) -> Steps:
    """Remove old audit entries; the first entry of an object that is still needed stays, and all after it.

    So the trail of each object has no gap.
    """
    entries, needed, last = _old_entries(before), plan_contributors.needed_entries(), 0
    columns = OldEntry._fields
    while page := list(map(OldEntry._make, entries.filter(pk__gt=last).order_by("pk").values_list(*columns)[:PART])):
        last = page[-1].pk
        first_needed = _first_needed({(kind, object_id) for _, kind, object_id in page}, needed)
        ids = [pk for pk, kind, object_id in page if pk < first_needed.get((kind, object_id), pk + 1)]
        with transaction.atomic():
            entries.filter(pk__among=ids).delete()
        yield {"audit_entries": len(ids)}


# Passwords that users did not set by themselves: such a password is as safe as the one before.
_FROM_OTHERS = Q(actor_id__isnull=True) | ~Q(actor_id=F("object_id")) | Q(after__has_key="mailed_link")


def _first_needed(objects: Collection[tuple[str, int]], needed: Q) -> dict[tuple[str, int], int]:
    """Return the first entry about each of these objects that a promotion or an approval may need; most objects have none.

    A promotion needs the entry that shows who set a local password, before the user did. An approval needs the ``needed`` entries: they show
    who had a part in the plan.
    """
    found: dict[tuple[str, int], int] = {}
    for kind in {kind for kind, _ in objects}:
        about = AuditEntry.objects.filter(
            object_type=kind, object_id__in=[object_id for each, object_id in objects if each == kind]
        )
        for_plans = about.filter(needed).order_by().values_list("object_id")
        found |= {(kind, object_id): pk for object_id, pk in for_plans.annotate(first=Min("pk"))}
        given = about.that_gave_passwords().filter(object_id__in=with_a_password().values("pk")).order_by()
        for object_id, last, from_others in given.values_list("object_id").annotate(
            last=Max("pk"), from_others=Max("pk", filter=_FROM_OTHERS)
        ):
            pk = from_others or last
            found[kind, object_id] = min(pk, found.get((kind, object_id), pk))
    return found


def _old_entries(before: datetime) -> QuerySet[AuditEntry]:
    """Return the audit entries before this moment, except the newest of each object and those that legal holds need."""
    later = AuditEntry.objects.filter(
        object_type=OuterRef("object_type"), object_id=OuterRef("object_id"), pk__gt=OuterRef("pk")
    )
    on_legal_hold = User.objects.on_legal_hold().values("pk")
    on_hold = Q(object_type="user", object_id__in=on_legal_hold)
    on_hold |= Q(object_type="device", object_id__in=Device.objects.filter(user__in=on_legal_hold).values("pk"))
    on_hold |= Q(
        object_type="archive", object_id__in=Archive.objects.filter(device__user__in=on_legal_hold).values("pk")
    )
    about_legal_holds = Q(object_type__in=LEGAL_HOLD_OBJECTS) | Q(action__in=LEGAL_HOLD_ACTIONS)
    return AuditEntry.objects.filter(Exists(later), at__lt=before).exclude(on_hold | about_legal_holds)


def _runs(before: datetime, at: datetime) -> Steps:
    for pk in retention.old_runs(before):
        while (count := _clear(pk, at)) == PART:
            yield {"changes": count}
        yield {"changes": count, "runs": _end(pk, at)}


def _bulk_acts(before: datetime) -> Steps:
    """Remove old acts on many users with their results; an undone act stays with its undo, and an act with users on legal hold."""
    on_legal_hold = User.objects.on_legal_hold().values("pk")
    kept = BulkActUser.objects.filter(bulk_act=OuterRef("pk"), user__in=on_legal_hold)
    ended = BulkAct.objects.filter(created_at__lt=before, undos=None).exclude(state__in=LIVE_BULK_STATES)
    for pk in list(ended.exclude(Exists(kept)).order_by("-pk").values_list("pk", flat=True)):
        with transaction.atomic():
            act = BulkAct.objects.select_for_update().get(pk=pk)
            if removed := not act.undos.exists():
                act.delete()
        # Outside: who stops here must not take the removal back.
        yield {"bulk_acts": int(removed)}


@transaction.atomic
def _clear(run_id: int, at: datetime) -> int:
    """Remove some changes of a run, except changes of users on legal hold and changes that later runs repeat; return the number."""
    repeated_rows.lock(shared=False)
    if _is_in_use(run_id):
        return 0
    repeated = RunRepeat.objects.filter(first__lte=OuterRef("pk"), last__gte=OuterRef("pk")).exclude(run=run_id)
    rows = RunChange.objects.filter(run=run_id).exclude(Exists(repeated))
    free = rows.exclude(user__isnull=False, user__in=User.objects.on_legal_hold().values("pk"))
    ids = list(free.order_by("pk").values_list("pk", flat=True)[:PART])
    if ids:
        Run.objects.filter(pk=run_id, cleared_at=None).update(cleared_at=at)
        RunChange.objects.filter(pk__among=ids).delete()
    return len(ids)


def _is_in_use(run_id: int) -> bool:
    """Lock the run's row; return whether an undo or the application of its plan has begun meanwhile.

    Both lock the same row before they begin.
    """
    run = Run.objects.select_for_update().get(pk=run_id)
    return run.undos.live().exists() or run.applications.live().exists()


@transaction.atomic
def _end(run_id: int, at: datetime) -> int:
    """Remove a run without any rows left, or mark the run as no longer whole; return the number of removed runs."""
    repeated_rows.lock(shared=False)
    if _is_in_use(run_id):
        return 0
    if ranges := RunRepeat.objects.of(run_id):
        on_legal_hold = User.objects.on_legal_hold().values("pk")
        kept = list(RunChange.objects.filter(within(ranges), user__in=on_legal_hold).values_list("pk", flat=True))
        RunRepeat.objects.filter(run=run_id).delete()
        repeated_rows.store(run_id, kept)
    run = Run.objects.get(pk=run_id)
    if run.stored_changes.exists() or run.repeats.exists() or run.undos.exists():
        Run.objects.filter(pk=run_id, cleared_at=None).update(cleared_at=at)
        return 0
    run.delete()
    return 1
