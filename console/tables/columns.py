"""Columns that several tables share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.templatetags.console import when


class Table(tables.Table):  # type: ignore[misc]  # django-tables2 has no types
    """A table whose section on the page (``fragment``) is replaced as it is sorted and paged."""

    fragment = ""


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
