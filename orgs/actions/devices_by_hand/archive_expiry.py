"""Keeps archives in cold storage longer: a person gives them a later date, never an earlier one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.models import Archive, ArchiveState
from orgs.models.archives import ArchiveQuerySet
from orgs.rules.actors import Actor

# How far in the future the new date may lie. What is to be kept longer belongs on a legal hold.
LONGEST_DAYS = 3650
LONGEST = timedelta(days=LONGEST_DAYS)
# How many archives one act may change: it works while somebody waits for the page.
MOST_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Extended:
    """How many archives have a later date now, and how many stay as they are."""

    archives: int
    unchanged: int


def extendable(archives: ArchiveQuerySet, *, until: datetime, at: datetime) -> ArchiveQuerySet:
    """Return those of these archives that would be kept longer: in cold storage, not lost, with an earlier date."""
    cold = archives.filter(state=ArchiveState.COLD_STORAGE, expires_at__lt=until)
    found: ArchiveQuerySet = cold.exclude(pk__in=cold.lost(at=at).values("pk"))
    return found


@transaction.atomic
def extend(*, archive_ids: Collection[int], until: datetime, by: Actor, at: datetime) -> Extended:
    """Keep these archives in cold storage until then; leave those alone that are kept longer, live or lost.

    Raises:
        Refused: when the date is not in the future, or too far in it; when these are too many archives at once.
    """
    if until <= at:
        raise Refused("the new date has to lie in the future")
    if until > at + LONGEST:
        raise Refused(
            f"the new date may lie at most {LONGEST_DAYS} days in the future: use a legal hold to keep longer"
        )
    if len(archive_ids) > MOST_AT_ONCE:
        raise Refused(f"one act may change {MOST_AT_ONCE} archives, and these are {len(archive_ids)}: filter for fewer")
    locks.owners_of_archives(archive_ids)
    chosen: ArchiveQuerySet = Archive.objects.filter(pk__among=archive_ids)
    later = list(extendable(chosen, until=until, at=at).order_by("pk").values_list("pk", "device__name", "expires_at"))
    Archive.objects.filter(pk__among=[pk for pk, _name, _before in later]).update(expires_at=until)
    facts = [
        Fact("archive", pk, name, {"expires_at": before.isoformat()}, {"expires_at": until.isoformat()})
        for pk, name, before in later
        if before is not None
    ]
    note(facts, action="archive kept longer", by=by, at=at)
    return Extended(archives=len(later), unchanged=len(archive_ids) - len(later))
