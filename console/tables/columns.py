"""Columns that several tables share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.utils.formats import localize
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from console.templatetags.console import when


class Table(tables.Table):  # type: ignore[misc]  # django-tables2 has no types
    """A table whose section on the page (``fragment``) is replaced as it is sorted and paged."""

    fragment = ""

    def body(self) -> SafeString:
        """Return the rows of the page: of hundreds of cells a template would take twice as long to make them."""
        openings = [(column.name, format_html("<td {}>", column.attrs["td"].as_html())) for column in self.columns]
        lines = []
        for row in self.paginated_rows:
            cells = [f"{opening}{conditional_escape(localize(row.get_cell(name)))}</td>" for name, opening in openings]
            own = f" {row.attrs.as_html()}" if self.row_attrs else ""
            lines.append(f"<tr{own}>{''.join(cells)}</tr>")
        return SafeString("\n".join(lines))


class TimeColumn(tables.Column):  # type: ignore[misc]
    """A time: how long ago, and exactly on hover."""

    def render(self, value: datetime) -> str | SafeString:
        return when(value)


def link(address: str, text: object) -> SafeString:
    """Return a link."""
    return format_html('<a href="{}">{}</a>', address, text)


def plain(label: Any, **options: Any) -> tables.Column:
    """Return a column that can't be sorted by."""
    return tables.Column(verbose_name=label, orderable=False, **options)


NUMBER = {"th": {"class": "text-end"}, "td": {"class": "text-end"}}
