"""Finds one page of a list quickly, even the last pages of long lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.fields.array import SliceTransform  # type: ignore[attr-defined]  # not in the stubs
from django.core.paginator import Page, Paginator
from django.db import connections
from django.db.models import Case, Count, OrderBy, Q, QuerySet, When
from django.db.models.lookups import LessThanOrEqual
from django_tables2.rows import BoundRows

# Up to this many rows, one query returns both the ids and the count.
FEW = 20_000
# The highest position in an array of PostgreSQL.
LAST_POSITION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class _Found:
    """The count of rows, and ids from the same query: of the page at ``start``, or of all rows without ``start``."""

    count: int
    ids: list[int] | None = None
    start: int | None = None


class IdsFirst(Paginator):  # type: ignore[type-arg]  # not at run time
    """Finds the ids of a page first, then reads these rows: a database sorts and skips whole rows much more slowly.

    A page in the second half is read from the end.

    - ``every_row``: the rows in the same order, without filters. Rows with known ids are read from it, so that no
      filter runs again.
    - ``reads_every_row``: a filter can't use an index. Then one query counts the rows and returns ids, where possible.
    - ``sorted_at_once``: the list is short enough to be sorted by the query that counts.
    - ``few_values``: the columns of the order, if they have only a few values. Then rows are counted by value, and only
      rows with the values of the page are sorted.
    """

    def __init__(
        self,
        *args: Any,
        every_row: Any,
        reads_every_row: bool = False,
        sorted_at_once: bool = False,
        few_values: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._every_row = every_row
        self._reads_every_row = reads_every_row
        self._sorted_at_once = sorted_at_once
        self._few_values = few_values
        self._requested_page = 1

    @cached_property
    def count(self) -> int:
        """How many rows the list has."""
        return self._found.count

    def page(self, number: int | str) -> Page:  # type: ignore[type-arg]
        """Return the page with this number."""
        # Set this before counting: the query that counts may return the ids of this page.
        self._requested_page = number if isinstance(number, int) else 1
        rows = self._rows
        if not isinstance(rows, QuerySet) or not self.count:
            return super().page(number)
        valid = self.validate_number(number)
        start = (valid - 1) * self.per_page
        return self._shown(self._ids(rows, start, min(start + self.per_page, self.count)), valid)

    def _ids(self, rows: QuerySet[Any], start: int, stop: int) -> list[int]:
        if self._grouped:
            rows, start, stop, count = self._within_values(rows, start, stop)
            return _between(rows, start, stop, count)
        found = self._found
        if found.ids is not None and found.start is None:
            return _between(self._every_row.filter(pk__among=found.ids), start, stop, found.count)
        return found.ids if found.ids is not None and found.start == start else _between(rows, start, stop, found.count)

    def _shown(self, ids: list[int], number: int) -> Page:  # type: ignore[type-arg]  # not at run time
        shown: Any = self.object_list
        return Page(BoundRows(data=self._every_row.filter(pk__in=ids), table=shown.table), number, self)

    @property
    def _rows(self) -> Any:
        shown: Any = self.object_list
        return shown.data.data

    @property
    def _grouped(self) -> bool:
        return bool(self._few_values) and not self._reads_every_row

    @cached_property
    def _found(self) -> _Found:
        rows = self._rows
        if not isinstance(rows, QuerySet):
            return _Found(len(rows))
        if self._grouped:
            return _Found(sum(group_size for *_values, group_size in self._groups))
        order = rows.query.order_by
        # An order by expressions has no index: every page but the first sorts all rows.
        sorts_all = self._requested_page > 1 and not all(isinstance(each, str) for each in order)
        if (self._reads_every_row or sorts_all) and connections[rows.db].vendor == "postgresql":
            if self._sorted_at_once or sorts_all or order in {("pk",), ("-pk",)}:
                start = min((self._requested_page - 1) * self.per_page, LAST_POSITION - self.per_page)
                return _count_and_page(rows, start, start + self.per_page)
            return _count_and_ids(rows)
        return _Found(rows.count())

    @cached_property
    def _groups(self) -> list[tuple[Any, ...]]:
        """The values of the columns of the order, and how many rows have them, in this order."""
        fields = [name.removeprefix("-") for name in self._few_values]
        return list(self._rows.order_by(*self._few_values).values_list(*fields).annotate(group_size=Count("*")))

    def _within_values(self, rows: QuerySet[Any], start: int, stop: int) -> tuple[QuerySet[Any], int, int, int]:
        """Return the rows with the values of one page, the page's start and stop among them, and their count."""
        ends = list(accumulate(group_size for *_values, group_size in self._groups))
        touched = [
            (values, group_size, end)
            for (*values, group_size), end in zip(self._groups, ends, strict=True)
            if start < end and end - group_size < stop
        ]
        fields = [name.removeprefix("-") for name in self._few_values]
        any_value = Q()
        for values, _group_size, _end in touched:
            any_value |= Q(*(_has(field, value) for field, value in zip(fields, values, strict=True)))
        matching = rows.filter(any_value)
        if len(touched) == 1:
            # All rows have the same values here, so sort by the last column alone.
            matching = matching.order_by(rows.query.order_by[-1])
        _values, group_size, end = touched[0]
        before = end - group_size
        return matching, start - before, stop - before, sum(group_size for _values, group_size, _end in touched)


def _has(field: str, value: Any) -> Q:
    return Q(**{f"{field}__isnull": True}) if value is None else Q(**{field: value})


def in_full_order(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows in an order without equal rows.

    Equal rows are sorted by id, in the direction of the last column: an index of that column and the id has this order.
    The order ends after a unique column: its own index has the order then.
    """
    order: Sequence[Any] = rows.query.order_by or rows.model._meta.ordering
    unique = {field.name for field in rows.model._meta.concrete_fields if field.unique and not field.null} | {"pk"}
    for position, column in enumerate(order, start=1):
        if isinstance(column, str) and column.removeprefix("-") in unique:
            return rows.order_by(*order[:position])
    last = order[-1] if order else "pk"
    descending = last.descending if isinstance(last, OrderBy) else str(last).startswith("-")
    return rows.order_by(*order, "-pk" if descending else "pk")


def _between(rows: QuerySet[Any], start: int, stop: int, count: int) -> list[int]:
    """Return the ids of the rows from ``start`` to ``stop``, counted from the nearer end of the list."""
    ids = rows.values_list("pk", flat=True)
    if start <= count - stop:
        return list(ids[start:stop])
    return list(ids.reverse()[count - stop : count - start])


def _count_and_page(rows: QuerySet[Any], start: int, stop: int) -> _Found:
    """Return the count, and the ids from ``start`` to ``stop``, with one query that sorts all rows."""
    ids = SliceTransform(start + 1, stop, ArrayAgg("pk", order_by=rows.query.order_by))
    return _Found(**rows.order_by().aggregate(count=Count("*"), ids=ids), start=start)


def _count_and_ids(rows: QuerySet[Any]) -> _Found:
    """Return the count, and the ids of all rows in no order if there are at most ``FEW``."""
    ids = Case(When(LessThanOrEqual(Count("*"), FEW), then=ArrayAgg("pk")))
    return _Found(**rows.order_by().aggregate(count=Count("*"), ids=ids))
