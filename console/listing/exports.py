"""Streams lists as CSV and JSON files; no spreadsheet takes a cell for a formula."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils import timezone

from console.http.unavailable import Busy

# The maximum of exports at the same time on one machine, for all users together: pages come first.
AT_ONCE = 2
# Characters in one piece of the response.
PIECE = 32 * 1024
# Bytes in one piece of a stored file.
FILE_PIECE = 256 * 1024

# Characters that begin a formula in spreadsheets (OWASP, CSV injection), full-width ones included: at the beginning of
# a cell, and behind a character that ends a cell or a row where spreadsheets use semicolons as separators.
_FORMULA = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
_AT_THE_START = re.compile(f"[\\s\x00\u200b\u2060\ufeff]*{_FORMULA}|[\t\r\n]")
_INSIDE = re.compile(f"([;\t\r\n])([ \x00\xa0\u200b\u2060\u3000\ufeff]*)(?={_FORMULA})")


class _Echo:
    """A file object for ``csv.writer`` that returns each line instead of writing it."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def cell(value: Any) -> str:
    """Return a value as text, with an apostrophe before the beginning of a formula."""
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
    """Yield a CSV file line by line, with a BOM so that spreadsheets read it as UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def csv_file(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """Return a CSV file as a download."""
    return _file(name, "text/csv; charset=utf-8", csv_lines(header, rows))


def json_file(name: str, head: dict[str, Any], key: str, rows: Iterable[Any]) -> StreamingHttpResponse:
    """Return a JSON file as a download: an object with the keys of ``head``, and the list ``rows`` under ``key``."""
    return _file(name, "application/json", _json_lines(head, key, rows))


def _json_lines(head: dict[str, Any], key: str, rows: Iterable[Any]) -> Iterator[str]:
    yield json.dumps(head, default=str)[:-1] + f"{',' if head else ''} {json.dumps(key)}: ["
    for number, row in enumerate(rows):
        yield (",\n" if number else "\n") + json.dumps(row, default=str)
    yield "\n]}\n"


def _file(name: str, content_type: str, lines: Iterable[str]) -> StreamingHttpResponse:
    """Return a streamed download.

    Raises:
        Busy: when the limit of exports at the same time on this machine is reached.
    """
    disposition = f'attachment; filename="{name}"'
    content = Export(lines, _free_slot())
    return StreamingHttpResponse(content, content_type=content_type, headers={"Content-Disposition": disposition})


def stored_file(name: str, path: Path) -> StreamingHttpResponse:
    """Return a stored file as a download.

    Raises:
        Busy: when the limit of exports at the same time on this machine is reached.
        OSError: when the file can't be opened.
    """
    slot = _free_slot()
    try:
        file = path.open("rb")
    except BaseException:
        os.close(slot)
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(os.fstat(file.fileno()).st_size),
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(_StoredFile(file, slot), content_type="application/octet-stream", headers=headers)


class _StoredFile:
    """The pieces of a stored file; it occupies one of the slots for exports until it ends."""

    def __init__(self, file: IO[bytes], slot: int) -> None:
        self._file, self._slot = file, slot

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._file.read(FILE_PIECE):
            yield piece

    def close(self) -> None:
        """Close the file and free the slot; Django calls this at every end of a response."""
        if not self._file.closed:
            self._file.close()
            os.close(self._slot)

    def __del__(self) -> None:
        self.close()


class Export:
    """The pieces of one file; it occupies one of the slots for exports until it ends."""

    def __init__(self, lines: Iterable[str], slot: int) -> None:
        self._lines = iter(lines)
        self._slot: int | None = slot

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return the next lines as one piece, because each piece costs the server time."""
        found, size = [], 0
        for line in self._lines:
            found.append(line)
            size += len(line)
            if size >= PIECE:
                break
        if not found:
            self.close()
            raise StopIteration
        return "".join(found)

    def close(self) -> None:
        """Free the slot; Django calls this at every end of a response."""
        slot, self._slot = self._slot, None
        if slot is not None:
            os.close(slot)

    def __del__(self) -> None:
        self.close()


def _free_slot() -> int:
    """Take a slot and return its open file; the system frees the slot if the process is killed."""
    folder = settings.VAR / "exports"
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(AT_ONCE):
        slot = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(slot)
            continue
        return slot
    raise Busy
