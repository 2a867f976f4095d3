"""Users from a CSV file: everything in it is checked before anything is made."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from orgs.text import fold

COLUMNS = ("username", "email", "first_name", "last_name", "org", "notes")
LONGEST = {"username": 255, "email": 320, "first_name": 255, "last_name": 255, "org": 255, "notes": 4096}
MAX_ROWS = 500_000


class BadCsv(Exception):
    """The file can't be used; the message names the line, the column and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person in the file; ``line`` counts from 1, the header included."""

    line: int
    username: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    org: str = ""
    notes: str = ""


def read(path: Path) -> list[Row]:
    """Return the people in a UTF-8 or UTF-16 CSV file (a BOM says which; RFC 4180).

    Raises:
        BadCsv: when the file can't be read, a column is unknown or missing, or a row is wrong.
    """
    try:
        return parse(_text(path.read_bytes()))
    except OSError as error:
        raise BadCsv(str(error.strerror)) from error


def _text(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadCsv(f"line {line}: not {encoding.removesuffix('-sig').upper()}: save the file as UTF-8") from error
    if "\0" in text:
        raise BadCsv(f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}: a NUL character: not a text file")
    return text


def parse(text: str) -> list[Row]:
    """Return the people in a CSV text.

    Raises:
        BadCsv: when a column is unknown or missing, or a row is wrong.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header)
        rows = [_row(reader.line_num, header, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise BadCsv(f"line {reader.line_num}: {error}") from error
    if not rows:
        raise BadCsv("line 2: there is nobody in the file")
    if len(rows) > MAX_ROWS:
        raise BadCsv(f"{len(rows)} rows: split the file, {MAX_ROWS} are the most")
    seen: dict[str, int] = {}
    for row in rows:
        key = fold(row.username)
        if key in seen:
            raise BadCsv(f"line {row.line}: the username {row.username} stands in line {seen[key]} already")
        seen[key] = row.line
    return rows


def _check_header(header: list[str]) -> None:
    if unknown := [name for name in header if name not in COLUMNS]:
        raise BadCsv(f"line 1: there is no column {unknown[0]!r}; the columns are {', '.join(COLUMNS)}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise BadCsv(f"line 1: the column {twice[0]} stands there twice")
    if "username" not in header:
        raise BadCsv("line 1: the column username is missing")


def _row(line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        raise BadCsv(f"line {line}: {len(cells)} cells, but the header has {len(header)}")
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    for name, value in values.items():
        if len(value) > LONGEST[name]:
            raise BadCsv(f"line {line}, {name}: {len(value)} characters, {LONGEST[name]} are the most")
        if name != "notes" and not value.isprintable():
            raise BadCsv(f"line {line}, {name}: control characters are not allowed")
    if values.get("email"):
        try:
            validate_email(values["email"])
        except ValidationError as error:
            raise BadCsv(f"line {line}, email: {values['email']} is no email address") from error
    if not values["username"]:
        raise BadCsv(f"line {line}: the username is empty")
    return Row(line=line, **values)
