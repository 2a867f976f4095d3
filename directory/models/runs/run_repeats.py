"""Ranges of changes that a run repeats: rows of earlier runs that it would otherwise have written again unchanged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from orgs.models import User

Range = tuple[int, int]
# A range of fewer rows than SHORT is queried by ids; more than MOST_RANGES ranges make the query slow to plan.
SHORT = 8
MOST_RANGES = 50


class RunRepeatQuerySet(models.QuerySet["RunRepeat"]):
    """Named queries of repeats."""

    def of(self, run_id: int) -> list[Range]:
        """Return the ranges of ids that a run repeats, in order, with neighbours joined."""
        joined: list[Range] = []
        for first, last in self.filter(run=run_id).order_by("first").values_list("first", "last"):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(last, joined[-1][1])
            else:
                joined.append((first, last))
        return joined

    def about(self, user: User) -> list[tuple[int, int]]:
        """Return (id of a change, id of a run that repeats it) for one user."""
        changes = user.changes.filter(digest__isnull=False, pk__range=(OuterRef("first"), OuterRef("last")))
        ranges = list(self.filter(Exists(changes)).order_by("pk").values_list("run_id", "first", "last"))
        if not ranges:
            return []
        own = user.changes.filter(digest__isnull=False).exclude(outcome="unchanged").values_list("pk", "run_id")
        return [
            (pk, run_id)
            for pk, owner in own
            for run_id in sorted({run for run, first, last in ranges if first <= pk <= last} - {owner})
        ]


class RunRepeat(models.Model):
    """Unchanged changes of an earlier run that a run repeats: those with the ids from ``first`` to ``last``.

    Only changes that leave a user alone are repeated (they have a digest), because these rows are never updated.
    """

    id: int
    run = models.ForeignKey("directory.Run", models.CASCADE, related_name="repeats")
    first = models.BigIntegerField(_("first change"))
    last = models.BigIntegerField(_("last change"))

    objects = models.Manager.from_queryset(RunRepeatQuerySet)()

    class Meta:
        verbose_name = _("repeated changes")
        verbose_name_plural = _("repeated changes")
        ordering = ["run", "first"]
        constraints = [models.CheckConstraint(condition=Q(first__lte=F("last")), name="repeats_begin_before_they_end")]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.first}-{self.last}"


def within(ranges: Iterable[Range]) -> Q:
    """Return the condition that an id is in one of these ranges, of which there must be at least one."""
    by_length = sorted(ranges, key=lambda ends: ends[0] - ends[1])
    long = [ends for ends in by_length[:MOST_RANGES] if ends[1] - ends[0] >= SHORT]
    rest = [pk for first, last in by_length[len(long) :] for pk in range(first, last + 1)]
    condition = Q(pk__among=rest) if rest else Q()
    for ends in long:
        condition |= Q(pk__range=ends)
    return condition
