"""The base class of tables, and columns for several tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.utils.formats import localize
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django_tables2.columns.base import BoundColumn
from django_tables2.rows import BoundRow
from django_tables2.utils import Accessor, AttributeDict, signature

from console.elements.time_ago import when


class _Cell:
    """Renders the cells of one column; looks up once what all rows share.

    The value of a choice field is the stored one; its column renders it.
    """

    def __init__(self, table: tables.Table, column: BoundColumn) -> None:
        self._opening = format_html("<td {}>", AttributeDict(_as_a_card(table, column)).as_html())
        self._accessor = Accessor(column.accessor)
        self._column = column
        self._parameters, self._takes_all = signature(column.render)
        self._given = {"table": table, "column": column.column, "bound_column": column}
        self._any_value_will_do = not column.column.empty_values and "value" not in self._parameters

    def of(self, row: BoundRow) -> str:
        """Return the cell of a row."""
        return f"{self._opening}{conditional_escape(localize(self._content(row)))}</td>"

    def _content(self, row: BoundRow) -> Any:
        value = None if self._any_value_will_do else self._accessor.resolve(row.record, quiet=True)
        if value in self._column.column.empty_values:
            return self._column.default
        given = {**self._given, "record": row.record, "value": value, "bound_row": row}
        return self._column.render(**given if self._takes_all else {name: given[name] for name in self._parameters})


def _as_a_card(table: tables.Table, column: BoundColumn) -> dict[str, Any]:
    """Return the attributes of a cell: on a narrow screen a row is a card, and its cells have the heads of their columns."""
    attributes = dict(column.attrs["td"])
    own = str(attributes.get("class", ""))
    if column.name == (table.main_column or next(iter(table.columns.names()))):
        return attributes | {"class": f"{own} main".strip()}
    if isinstance(column.column, PickColumn):
        return attributes
    if column.name == table.state_column:
        return attributes | {"class": f"{own} first".strip()}
    return attributes | {"data-label": column.header}


class Table(tables.Table):  # type: ignore[misc]  # django-tables2 has no types
    """A table in a section of the page (``fragment``), which sorting and paging replace.

    ``few_values`` are the columns that have few values, however many rows there are. ``sorted_at_once`` is for lists
    that never get very long. Both are for ``IdsFirst``. On a narrow screen, where a row is a card, the column ``main_column`` (else
    the first one) and the column ``state_column`` are on its first line.
    """

    fragment = ""
    few_values: frozenset[str] = frozenset()
    sorted_at_once = False
    main_column = ""
    state_column = ""

    def body(self) -> SafeString:
        """Return the rows of the page as HTML; a template with the library's cells takes several times as long."""
        cells = [_Cell(self, column) for column in self.columns]
        lines = []
        for row in self.paginated_rows:
            own = f" {row.attrs.as_html()}" if self.row_attrs else ""
            lines.append(f"<tr{own}>{''.join(cell.of(row) for cell in cells)}</tr>")
        return SafeString("\n".join(lines))


class TimeColumn(tables.Column):  # type: ignore[misc]
    """A time: how long ago, and exactly on hover."""

    def render(self, value: datetime) -> str | SafeString:
        return when(value)


class PickColumn(tables.Column):  # type: ignore[misc]
    """Checkboxes that choose rows; the head ticks all rows of the page, by script."""

    def __init__(self) -> None:
        super().__init__(orderable=False, empty_values=(), attrs={"td": {"class": "pick-cell"}})

    @property
    def header(self) -> SafeString:
        """The checkbox of the whole page."""
        box = '<label class="pick needs-script"><input class="form-check-input" type="checkbox" data-pick-page aria-label="{}"></label>'
        return format_html(box, gettext("Select all on this page"))


def pick_box(name: str, value: int, label: str) -> SafeString:
    """Return the checkbox of a row; it belongs to the form of the bar of acts."""
    box = '<label class="pick"><input class="form-check-input" type="checkbox" form="pick-form" name="{}" value="{}" aria-label="{}"></label>'
    return format_html(box, name, value, label)


def link(address: str, text: str) -> SafeString:
    """Return a link."""
    return SafeString(f'<a href="{conditional_escape(address)}">{conditional_escape(text)}</a>')


def link_in_text(address: str, text: str) -> SafeString:
    """Return a link that stands beside other text, so that its colour alone would not tell it apart."""
    return SafeString(f'<a class="in-text" href="{conditional_escape(address)}">{conditional_escape(text)}</a>')


def plain(label: Any, **options: Any) -> tables.Column:
    """Return a column that can't be sorted by."""
    return tables.Column(verbose_name=label, orderable=False, **options)


# For sentences and lists: on a narrow screen the table scrolls, and does not wrap after each word.
TEXT = {"td": {"class": "cell-text"}}
NUMBER = {"th": {"class": "text-end"}, "td": {"class": "text-end"}}
