"""I15: the events of matters say who is held, which matters are open, and by which policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Q, QuerySet

from orgs.models import Custodian, Matter, MatterEvent, MatterEventKind


def events(_at: datetime) -> Iterator[str]:
    """Holds began and ended as the events of their matter say; a closed matter was closed once more than reopened."""
    for kind, rows in (
        (MatterEventKind.ADDED, Custodian.objects.all()),
        (MatterEventKind.RELEASED, Custodian.objects.filter(released_at__isnull=False)),
    ):
        stored = {(matter, user): n for matter, user, n in _counted(rows)}
        noted = {(matter, user): n for matter, user, n in _counted(MatterEvent.objects.filter(kind=kind))}
        for key in sorted(stored.keys() | noted.keys()):
            if (rows_of := stored.get(key, 0)) != (count := noted.get(key, 0)):
                yield f"{kind}: matter {key[0]} and user {key[1]}: {rows_of} times, {count} times by the events"
    closed, reopened = Q(events__kind=MatterEventKind.CLOSED), Q(events__kind=MatterEventKind.REOPENED)
    counted = Matter.objects.annotate(times=Count("events", filter=closed) - Count("events", filter=reopened))
    wrong = Q(closed_at=None) & ~Q(times=0) | Q(closed_at__isnull=False) & ~Q(times=1)
    for each in counted.filter(wrong).order_by("pk").iterator():
        yield f"matter {each.pk} ({each.name}) is {'open' if each.open else 'closed'}, which its events do not say"


def policies(_at: datetime) -> Iterator[str]:
    """A matter with a stored policy has the policy's name."""
    linked = Matter.objects.filter(preservation_policy__isnull=False).exclude(policy=F("preservation_policy__name"))
    for matter in linked.order_by("pk").iterator():
        yield f"matter {matter.pk} ({matter.name}) has the policy {matter.preservation_policy_id}, but another name of it"


def _counted(rows: QuerySet[Custodian] | QuerySet[MatterEvent]) -> Iterator[tuple[int, int, int]]:
    yield from rows.order_by().values_list("matter_id", "user_id").annotate(Count("pk"))
