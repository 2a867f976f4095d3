"""Shows which archives expire and which are purged in the next days: by day, with users and bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, Sum, Value, When, Window
from django.db.models.functions import Coalesce, DenseRank, Greatest, TruncDate
from django.utils import timezone

from console.presenters.user_effects.archive_figures import ArchiveFigures, archive_figures
from orgs.models import Archive, ArchiveState, User
from orgs.models.archives import ArchiveQuerySet

DAYS = 30
# A day names so many users; the count has all of them.
MOST_NAMED = 3


@dataclass(slots=True)
class DuePart:
    """The archives that expire, or those that are purged, on one day."""

    archives: int = 0
    bytes: int = 0
    users: int = 0
    names: list[tuple[int, str]] = field(default_factory=list)

    @property
    def unnamed(self) -> int:
        """How many users are not named."""
        return self.users - len(self.names)


@dataclass(slots=True)
class DueDay:
    """What expires and what is purged on one day."""

    day: date
    expiring: DuePart = field(default_factory=DuePart)
    purged: DuePart = field(default_factory=DuePart)


@dataclass(frozen=True, slots=True)
class DueSoon:
    """The days on which something is due, the sums, and the archives that would be due but are on legal hold."""

    days: list[DueDay]
    expiring: ArchiveFigures
    purged: ArchiveFigures
    on_hold: ArchiveFigures


def due_soon(viewer: User, *, at: datetime) -> DueSoon:
    """Return what is due in the viewer's part; five queries, however many archives there are.

    What has been due before now counts as due today: it expires or goes with the next look at archives.
    """
    until = at + timedelta(days=DAYS)
    visible: ArchiveQuerySet = Archive.objects.visible_to(viewer).order_by()
    expiring = visible.filter(state=ArchiveState.COLD_STORAGE, expires_at__lte=until)
    purged = visible.filter(state=ArchiveState.EXPIRED, purge_at__lte=until)
    days: dict[date, DueDay] = {}
    free = _with_day(expiring | purged, at=at).filter(on_hold=False)
    sums = free.values_list("day", "state").annotate(
        Count("pk"), Sum("size_bytes"), Count("device__user", distinct=True)
    )
    for day, state, archives, size, users in sums:
        part = _part(days, day, state)
        part.archives, part.bytes, part.users = archives, size, users
    for day, state, pk, name in _names(free):
        _part(days, day, state).names.append((pk, name))
    on_hold = archive_figures((expiring | purged).on_legal_hold())
    ordered = [days[day] for day in sorted(days)]
    return DueSoon(
        days=ordered,
        expiring=_sum([each.expiring for each in ordered]),
        purged=_sum([each.purged for each in ordered]),
        on_hold=on_hold,
    )


def _with_day(archives: ArchiveQuerySet, *, at: datetime) -> Any:
    """Annotate whether the user is on legal hold, and the day on which an archive expires or is purged."""
    due = Case(When(state=ArchiveState.EXPIRED, then=F("purge_at")), default=F("expires_at"))
    moment = Greatest(Coalesce(due, Value(at)), Value(at))
    return archives.with_hold().annotate(day=TruncDate(moment, tzinfo=timezone.get_current_timezone()))


def _names(free: Any) -> list[tuple[date, str, int, str]]:
    """Return the first users of each day and state, by name."""
    order = (F("device__user__username_key").asc(),)
    ranked = free.annotate(rank=Window(DenseRank(), partition_by=[F("day"), F("state")], order_by=order))
    named = ranked.filter(rank__lte=MOST_NAMED).values_list(
        "day", "state", "device__user", "device__user__username", "rank"
    )
    return [
        (day, state, pk, name) for day, state, pk, name, _rank in sorted(set(named), key=lambda row: (row[0], row[4]))
    ]


def _part(days: dict[date, DueDay], day: date, state: str) -> DuePart:
    found = days.setdefault(day, DueDay(day))
    return found.purged if state == ArchiveState.EXPIRED else found.expiring


def _sum(parts: list[DuePart]) -> ArchiveFigures:
    return ArchiveFigures(sum(part.archives for part in parts), sum(part.bytes for part in parts))
