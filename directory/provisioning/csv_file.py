"""Reads users from a CSV file: checks all rows before any user is created, and reports all problems at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from directory.provisioning import person_values
from orgs.actions.users import user_creation
from orgs.text import counted, fold, misleading

COLUMNS = ("username", "email", "first_name", "last_name", "org", "password", "notes")
MEGABYTE = 1024 * 1024
# Hashing one password takes a good part of a second, on purpose.
MOST_PASSWORDS = 200
MOST_PROBLEMS = 100
LINE_END = re.compile(r"\r(?!\n)")
# Other kinds of files that people upload as CSV: their first bytes, and a description.
OTHER_FILES = (
    (b"PK\x03\x04", "an Excel or ZIP file"),
    (b"PK\x05\x06", "an empty ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"7z\xbc\xaf", "a 7-Zip file"),
    (b"%PDF", "a PDF file"),
    (b"{\\rtf", "a text with formatting"),
)


@dataclass(frozen=True, slots=True)
class Size:
    """The largest allowed file."""

    megabytes: int
    rows: int

    @property
    def bytes(self) -> int:
        return self.megabytes * MEGABYTE


ON_THE_PAGE = Size(megabytes=5, rows=50_000)
ON_THE_COMMAND_LINE = Size(megabytes=100, rows=500_000)


class BadCsv(Exception):
    """The file can't be used; ``problems`` have line, column and what to do; the message has the first of them."""

    def __init__(self, *problems: str, more: bool = False) -> None:
        self.problems = (*problems, f"only the first {len(problems)} are named here") if more else problems
        shown = "; ".join(problems[:5])
        hidden = len(problems) - 5
        rest = (
            f"; and {hidden}{' or more' if more else ''} {'other problem' if hidden == 1 and not more else 'other problems'}"
            if hidden > 0
            else ""
        )
        super().__init__(f"{shown}{rest}")


@dataclass(frozen=True, slots=True)
class Row:
    """One person in the file; ``line`` counts from 1, the header included."""

    line: int
    username: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    org: str = ""
    password: str = ""
    notes: str = ""

    def __repr__(self) -> str:
        # Keep the password out of tracebacks.
        return f"Row(line={self.line}, username={self.username!r})"


def read(path: Path, *, size: Size = ON_THE_COMMAND_LINE) -> list[Row]:
    """Return the people in a CSV file (RFC 4180) in UTF-8, or in UTF-16 with a BOM.

    Raises:
        BadCsv: when the file can't be read, is too large, a column is unknown or missing, or a row is wrong.
    """
    try:
        if path.stat().st_size > size.bytes:
            raise BadCsv(f"larger than {size.megabytes} MB: split the file")
        with path.open("rb") as file:
            return read_open(file, size=size)
    except OSError as error:
        raise BadCsv(str(error.strerror)) from error


def read_open(file: BinaryIO, *, size: Size) -> list[Row]:
    """Return the people in an open file; read no more than the allowed size.

    Raises:
        BadCsv: as ``read`` does.
    """
    content = file.read(size.bytes + 1)
    if len(content) > size.bytes:
        raise BadCsv(f"larger than {size.megabytes} MB: split the file")
    return parse(_text(content), size=size)


def _text(content: bytes) -> str:
    for beginning, what in OTHER_FILES:
        if content.startswith(beginning):
            raise BadCsv(f"line 1: this is {what}: save it as CSV (UTF-8)")
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadCsv(f"line {line}: not {encoding.removesuffix('-sig').upper()}: save the file as UTF-8") from error
    if "\0" in text:
        raise BadCsv(f"line {_line_of(text, text.index(chr(0)))}: a NUL character: not a text file")
    if lone := LINE_END.search(text):
        raise BadCsv(
            f"line {_line_of(text, lone.start())}: a line ends in a carriage return alone: save the file with the line "
            "ends of Windows or Unix"
        )
    return text


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def parse(text: str, *, size: Size = ON_THE_COMMAND_LINE) -> list[Row]:
    """Return the people in a CSV text.

    Raises:
        BadCsv: when a column is unknown or missing, or a row is wrong.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    problems: list[str] = []
    rows: list[Row] = []
    try:
        header = _header(next(reader, []))
    except csv.Error as error:
        raise BadCsv(f"line 1: {_reason(error)}") from error
    for line, cells in _filled(reader):
        if len(rows) == size.rows:
            raise BadCsv(f"line {line}: more than {counted(size.rows, 'row', 'rows')}: split the file")
        row, wrong = _row(line, header, cells)
        problems += wrong
        if len(problems) >= MOST_PROBLEMS:
            raise BadCsv(*problems, more=True)
        rows.append(row)
    if not rows:
        raise BadCsv("line 2: there is nobody in the file")
    problems += _doubles(rows)
    if sum(bool(row.password) for row in rows) > MOST_PASSWORDS:
        problems.append(f"more than {MOST_PASSWORDS} rows have a password: split the file")
    if problems:
        raise BadCsv(*problems[:MOST_PROBLEMS], more=len(problems) > MOST_PROBLEMS)
    return rows


def _filled(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with its first line: a cell may span several lines."""
    before = 1
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num  # type: ignore[attr-defined]  # a csv.reader
            if any(cell.strip() for cell in cells):
                yield line, cells
    except csv.Error as error:
        raise BadCsv(f"line {before + 1}: {_reason(error)}") from error


def _reason(error: csv.Error) -> str:
    """Return the problem in words for administrators; Python's own words are for programmers."""
    words = str(error)
    if "end of data" in words:
        return "a quotation mark is opened and never closed"
    if "expected after" in words:
        return "a quotation mark is closed in the middle of a cell; one that belongs to the text is written twice"
    return (
        f"a cell is longer than {counted(csv.field_size_limit(), 'character', 'characters')}"
        if "field limit" in words
        else words
    )


def _header(cells: list[str]) -> list[str]:
    if len(cells) == 1:
        for sign, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
            if sign in cells[0]:
                raise BadCsv(f"line 1: the columns are separated by {name}: save the file with commas")
    if len(cells) > len(COLUMNS):
        raise BadCsv(
            f"line 1: {counted(len(cells), 'column', 'columns')}: there are {len(COLUMNS)}: {', '.join(COLUMNS)}"
        )
    header = [name.strip().lower() for name in cells]
    if unknown := [name for name in header if name not in COLUMNS]:
        raise BadCsv(f"line 1: there is no column {_shown(unknown[0])}; the columns are {', '.join(COLUMNS)}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise BadCsv(f"line 1: the column {twice[0]} stands there twice")
    if "username" not in header:
        raise BadCsv("line 1: the column username is missing")
    return header


def _shown(text: str) -> str:
    """Return a value from the file for a message: quoted, shortened, and with control characters escaped."""
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def _row(line: int, header: list[str], cells: list[str]) -> tuple[Row, list[str]]:
    if len(cells) != len(header):
        return Row(line, ""), [f"line {line}: {counted(len(cells), 'cell', 'cells')}, but the header has {len(header)}"]
    # A password may begin or end with a space.
    values = {name: cell if name == "password" else cell.strip() for name, cell in zip(header, cells, strict=True)}
    wrong = [
        f"line {line}, {name}: {problem}"
        for name, value in values.items()
        if (problem := person_values.problem(name, value))
    ]
    if not fold(values["username"]):
        wrong.append(f"line {line}: the username is empty")
    elif reason := misleading(values["username"]):
        wrong.append(f"line {line}: the username could be taken for another one: {reason}")
    return Row(line=line, **values), wrong


def taken(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a problem for each row whose username is taken."""
    existing = user_creation.taken([fold(row.username) for row in rows])
    for row in rows:
        if (name := existing.get(fold(row.username))) is not None:
            yield f"line {row.line}: the username {name} is taken (letter case does not count)"


def _doubles(rows: list[Row]) -> Iterator[str]:
    first_lines: dict[str, int] = {}
    for row in rows:
        first = first_lines.setdefault(fold(row.username), row.line) if row.username else row.line
        if first != row.line:
            yield f"line {row.line}: the username {row.username} stands in line {first} already"
