"""A list on a page: filtered and sorted by the query parameters, one page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import EmptyPage, PageNotAnInteger
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.listing.pagination import IdsFirst, in_full_order

PAGE_SIZES = (25, 50, 100, 200)


@dataclass(slots=True)
class Listing:
    """The values for the templates of a list: the table, its filters, and the address of its export."""

    table: Any
    filters: Any = None
    export: str = ""
    page_sizes: tuple[int, ...] = PAGE_SIZES

    @property
    def page_size(self) -> int:
        """How many rows a page has."""
        size: int = self.table.paginator.per_page
        return size


def show_table(request: HttpRequest, table: Any, *, filters: Any = None, reads_every_row: bool = False) -> Any:
    """Sort, filter and page the table by the query parameters; an invalid page number gives the nearest page."""
    table.request = request
    names = set(table.columns.names())
    if order := [
        name for name in request.GET.getlist(table.prefixed_order_by_field) if name.removeprefix("-") in names
    ]:
        table.order_by = order
    few_values: tuple[str, ...] = ()
    if isinstance(rows := table.data.data, QuerySet):
        table.data.data = in_full_order(rows)
        if order and all(name.removeprefix("-") in table.few_values for name in order):
            few_values = table.data.data.query.order_by[:-1]
    every_row = table.data.data
    if filters is not None:
        filters.queryset = every_row
        table.data.data = filters.qs
    size = _number(request, table.prefixed_per_page_field)
    try:
        table.paginate(
            page=_number(request, table.prefixed_page_field) or 1,
            per_page=size if size in PAGE_SIZES else PAGE_SIZES[0],
            paginator_class=IdsFirst,
            every_row=every_row,
            reads_every_row=reads_every_row,
            sorted_at_once=table.sorted_at_once,
            few_values=few_values,
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
    """Return the rows as a page of a table, filtered by the query parameters."""
    chosen = filters(request.GET, queryset=rows, request=request) if filters is not None else None
    used = [found for name, found in chosen.filters.items() if request.GET.get(name)] if chosen is not None else []
    shown = table(rows, empty_text=_("Nothing matches these filters.") if used else None)
    reads = any(getattr(used_filter, "reads_every_row", False) for used_filter in used)
    return Listing(
        table=show_table(request, shown, filters=chosen, reads_every_row=reads), filters=chosen, export=export
    )
