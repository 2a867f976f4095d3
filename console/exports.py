"""Lists as CSV and JSON, streamed, with cells that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

# What spreadsheets take for the beginning of a formula (OWASP, CSV injection), full-width letters included: at the
# beginning of a cell, and behind what ends a cell or a row where lists are separated by semicolons.
_FORMULA = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
_AT_THE_START = re.compile(f"[\\s\x00\u200b\u2060\ufeff]*{_FORMULA}|[\t\r\n]")
_INSIDE = re.compile(f"([;\t\r\n])([ \x00\xa0\u200b\u2060\u3000\ufeff]*)(?={_FORMULA})")


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def cell(value: Any) -> str:
    """Return a value as text; what would begin a formula is quoted with an apostrophe."""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        value = ", ".join(map(str, value))
    text = "" if value is None else str(value)
    quoted = _INSIDE.sub(r"\1'\2", text)
    return f"'{quoted}" if _AT_THE_START.match(text) else quoted


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield a CSV file line by line; a BOM tells spreadsheets that it is UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def csv_file(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """Return a CSV file to save."""
    return _file(name, "text/csv; charset=utf-8", csv_lines(header, rows))


def json_file(name: str, head: dict[str, Any], key: str, rows: Iterable[Any]) -> StreamingHttpResponse:
    """Return a JSON file to save: an object with the head's keys and a long list under one more."""
    return _file(name, "application/json", _json_lines(head, key, rows))


def _json_lines(head: dict[str, Any], key: str, rows: Iterable[Any]) -> Iterator[str]:
    yield json.dumps(head, default=str)[:-1] + f"{',' if head else ''} {json.dumps(key)}: ["
    for number, row in enumerate(rows):
        yield (",\n" if number else "\n") + json.dumps(row, default=str)
    yield "\n]}\n"


def _file(name: str, content_type: str, lines: Iterable[str]) -> StreamingHttpResponse:
    disposition = f'attachment; filename="{name}"'
    return StreamingHttpResponse(lines, content_type=content_type, headers={"Content-Disposition": disposition})
