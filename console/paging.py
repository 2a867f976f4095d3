"""Finds one page of a list, however long the list is and however far the page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.core.paginator import Page, Paginator
from django.db import connections
from django.db.models import Case, Count, OrderBy, QuerySet, When
from django.db.models.lookups import LessThanOrEqual
from django_tables2.rows import BoundRows

# The ids of so many rows come with their count.
FEW = 5000


class IdsFirst(Paginator):  # type: ignore[type-arg]  # not at run time
    """Finds a page by ids alone, then reads these rows: sorting and skipping whole rows takes a database much longer.

    A page behind the middle is looked for from the end. ``reads_every_row`` says that a filter is none that an index
    helps with: then a page of few rows is not looked for among all once more, after they were counted.
    """

    def __init__(self, *args: Any, reads_every_row: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._reads_every_row = reads_every_row

    @cached_property
    def count(self) -> int:
        """How many rows the list has."""
        return self._found[0]

    def page(self, number: int | str) -> Page:  # type: ignore[type-arg]
        """Return the page of that number."""
        rows, (count, few) = self._rows, self._found
        if not isinstance(rows, QuerySet) or not count:
            return super().page(number)
        valid = self.validate_number(number)
        start = (valid - 1) * self.per_page
        stop = min(start + self.per_page, count)
        ids = _between(rows if few is None else rows.filter(pk__in=few), start, stop, count)
        shown: Any = self.object_list
        return Page(BoundRows(data=rows.filter(pk__in=ids), table=shown.table), valid, self)

    @property
    def _rows(self) -> Any:
        shown: Any = self.object_list
        return shown.data.data

    @cached_property
    def _found(self) -> tuple[int, list[int] | None]:
        rows = self._rows
        if not isinstance(rows, QuerySet):
            return len(rows), None
        if self._reads_every_row and connections[rows.db].vendor == "postgresql":
            return _count_and_few(rows)
        return rows.count(), None


def in_full_order(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows in an order in which no two are equal.

    Equal ones come in the direction of the last column, so that an index of that column and the id has this order.
    """
    order: Sequence[Any] = rows.query.order_by or rows.model._meta.ordering
    last = order[-1] if order else "pk"
    descending = last.descending if isinstance(last, OrderBy) else str(last).startswith("-")
    return rows.order_by(*order, "-pk" if descending else "pk")


def _between(rows: QuerySet[Any], start: int, stop: int, count: int) -> list[int]:
    """Return the ids of the rows from one place to another, skipping as few as can be."""
    ids = rows.values_list("pk", flat=True)
    if start <= count - stop:
        return list(ids[start:stop])
    return list(ids.reverse()[count - stop : count - start])


def _count_and_few(rows: QuerySet[Any]) -> tuple[int, list[int] | None]:
    """Return how many rows there are and, where they are few, their ids in no order."""
    found = rows.order_by().aggregate(
        count=Count("*"), few=Case(When(LessThanOrEqual(Count("*"), FEW), then=ArrayAgg("pk")))
    )
    return found["count"], found["few"]
