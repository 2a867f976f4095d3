"""A list as every page shows it: filtered by the address, sorted, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_tables2.rows import BoundRows

PAGE_SIZES = (25, 50, 100, 200)


@dataclass(slots=True)
class Listing:
    """What the templates of a list need: the table, the filters above it, and where the list can be saved from."""

    table: Any
    filters: Any = None
    export: str = ""
    page_sizes: tuple[int, ...] = PAGE_SIZES

    @property
    def page_size(self) -> int:
        """How many rows a page has."""
        size: int = self.table.paginator.per_page
        return size


class IdsFirst(Paginator):  # type: ignore[type-arg]  # not at run time
    """Finds a page by ids alone, then reads these rows: sorting and skipping whole rows takes a database much longer."""

    def page(self, number: int | str) -> Page:  # type: ignore[type-arg]
        """Return the page of that number."""
        shown: Any = self.object_list
        rows = shown.data.data
        if not isinstance(rows, QuerySet) or not self.count:
            return super().page(number)
        valid = self.validate_number(number)
        start = (valid - 1) * self.per_page
        ids = list(rows.values_list("pk", flat=True)[start : start + self.per_page])
        return Page(BoundRows(data=rows.filter(pk__in=ids), table=shown.table), valid, self)


def show_table(request: HttpRequest, table: Any) -> Any:
    """Sort the table as the address asks and show the page that it asks for, or the nearest there is."""
    table.request = request
    names = set(table.columns.names())
    if order := [
        name for name in request.GET.getlist(table.prefixed_order_by_field) if name.removeprefix("-") in names
    ]:
        table.order_by = order
    if isinstance(rows := table.data.data, QuerySet):
        table.data.data = rows.order_by(*(rows.query.order_by or rows.model._meta.ordering), "pk")
    size = _number(request, table.prefixed_per_page_field)
    try:
        table.paginate(
            page=_number(request, table.prefixed_page_field) or 1,
            per_page=size if size in PAGE_SIZES else PAGE_SIZES[0],
            paginator_class=IdsFirst,
        )
    except PageNotAnInteger:
        table.page = table.paginator.page(1)
    except EmptyPage:
        table.page = table.paginator.page(table.paginator.num_pages)
    return table


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def show_list(
    request: HttpRequest, rows: QuerySet[Any], *, table: type[Any], filters: type[Any] | None = None, export: str = ""
) -> Listing:
    """Return the rows that the filters in the address leave, as a page of a table."""
    chosen = filters(request.GET, queryset=rows, request=request) if filters is not None else None
    narrowed = chosen is not None and any(request.GET.get(name) for name in chosen.filters)
    shown = table(
        chosen.qs if chosen is not None else rows, empty_text=_("Nothing matches these filters.") if narrowed else None
    )
    return Listing(table=show_table(request, shown), filters=chosen, export=export)
