"""Reads users from a CSV file: every row with all that is wrong with it, or a refusal of the file as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from directory.provisioning import person_values
from directory.provisioning.csv_files import csv_text, row_shifts
from directory.provisioning.csv_files.bad_csv import BadCsv
from directory.provisioning.csv_files.csv_header import COLUMNS, REASONS, CsvHeader, read_header
from directory.provisioning.csv_files.csv_text import CsvText
from orgs.actions.users import user_creation
from orgs.text import counted, fold, misleading

MEGABYTE = 1024 * 1024
# Hashing one password takes a good part of a second, on purpose.
MOST_PASSWORDS = 200
MOST_PROBLEMS = 100


class Problem(NamedTuple):
    """What is wrong with a value of a row; ``column`` is empty for the row as a whole, or ``text`` names it (``whole``)."""

    column: str
    text: str
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.column}: {self.text}" if self.column and not self.whole else self.text

    def in_line(self, line: int) -> str:
        """Return the problem with its line."""
        return f"line {line}{', ' if self.column and not self.whole else ': '}{self}"


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


@dataclass(frozen=True, slots=True)
class Row:
    """One person in the file; ``line`` counts from 1, the header included.

    ``lasting`` are problems that do not show in the values: a wrong number of cells, a password that is not kept.
    """

    line: int
    username: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    org: str = ""
    password: str = field(default="", repr=False)
    notes: str = ""
    lasting: tuple[Problem, ...] = ()

    def __repr__(self) -> str:
        # Keep the password out of tracebacks.
        return f"Row(line={self.line}, username={self.username!r})"


@dataclass(frozen=True, slots=True)
class CsvPeople:
    """The rows of a file, right or wrong, notes about how it was read, and warnings about what was not."""

    rows: list[Row]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read(path: Path, *, size: Size = ON_THE_COMMAND_LINE) -> CsvPeople:
    """Return the people in a CSV file (RFC 4180) in UTF-8, UTF-16 with a mark, or Windows-1252.

    Raises:
        BadCsv: when the file can't be read, is too large, a column is unknown or missing, or a row is wrong.
    """
    try:
        if path.stat().st_size > size.bytes:
            raise BadCsv(f"larger than {size.megabytes} MB: split the file")
        with path.open("rb") as file:
            people = read_open(file, size=size)
    except OSError as error:
        raise BadCsv(str(error.strerror)) from error
    _all_right(people.rows)
    return people


def read_open(file: BinaryIO, *, size: Size, ignore_unknown: bool = False) -> CsvPeople:
    """Return every row of an open file; read no more than the allowed size.

    Raises:
        BadCsv: when the file as a whole is wrong; with ``ignore_unknown`` unknown columns are left out and noted.
    """
    content = file.read(size.bytes + 1)
    if len(content) > size.bytes:
        raise BadCsv(f"larger than {size.megabytes} MB: split the file")
    return _people(csv_text.read_text(content), size, ignore_unknown=ignore_unknown)


def parse(text: str, *, size: Size = ON_THE_COMMAND_LINE) -> list[Row]:
    """Return the people in a CSV text.

    Raises:
        BadCsv: when a column is unknown or missing, or a row is wrong.
    """
    return _all_right(_people(CsvText(text, csv_text.separator_of(text)), size, ignore_unknown=False).rows)


def _all_right(rows: list[Row]) -> list[Row]:
    problems: list[str] = []
    duplicates = duplicate_usernames(rows)
    for row in rows:
        found = [*problems_of(row), *duplicates.get(row.line, ())]
        problems += [problem.in_line(row.line) for problem in found]
        if len(problems) > MOST_PROBLEMS:
            break
    if problems:
        raise BadCsv(*problems[:MOST_PROBLEMS], more=len(problems) > MOST_PROBLEMS)
    return rows


def _people(given: CsvText, size: Size, *, ignore_unknown: bool) -> CsvPeople:
    reader = csv.reader(io.StringIO(given.text, newline=""), strict=True, delimiter=given.separator)
    notes = list(given.notes)
    try:
        first = next(reader, [])
        header = read_header(first, ignore_unknown=ignore_unknown)
    except csv.Error as error:
        raise BadCsv(f"line 1: {_reason(error)}") from error
    if ignored := [name for name in header.unknown if name not in header.like_passwords]:
        notes.append(f"Columns that were not read: {', '.join(ignored)}")
    rows: list[Row] = []
    named_before = False
    for line, cells in _filled(reader):
        if len(rows) == size.rows:
            raise BadCsv(f"line {line}: more than {counted(size.rows, 'row', 'rows')}: split the file")
        rows.append(_row(line, header, _trimmed(cells, header, width=len(first))))
        reasons = dict(zip(header.columns, cells, strict=False)).get(REASONS, "")
        named_before = named_before or bool(rows[-1].lasting and reasons.strip())
    if not rows:
        raise BadCsv("line 2: there is nobody in the file")
    if sum(bool(row.password) for row in rows) > MOST_PASSWORDS:
        raise BadCsv(f"more than {MOST_PASSWORDS} rows have a password: split the file")
    if named_before:
        notes.append(
            f"The column {REASONS} still names a problem that the values do not show. Empty the cell once the row is right"
        )
    return CsvPeople(rows, tuple(notes), header.warnings)


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


def _trimmed(cells: list[str], header: CsvHeader, *, width: int) -> list[str]:
    """Return cells without empty ones behind the last column: spreadsheets write them in some rows."""
    end = len(cells)
    while end > len(header.columns) and not cells[end - 1].strip():
        end -= 1
    # In a row wider than the header was, text behind the password may be a password that a comma has moved there.
    behind = cells[header.password_at + 1 : end] if header.password_at is not None else []
    return cells if len(cells) > width and "".join(behind).strip() else cells[:end]


def _row(line: int, header: CsvHeader, cells: list[str]) -> Row:
    lasting: list[Problem] = []
    given = dict(zip(header.columns, cells, strict=False))
    values = {name: cell for name, cell in given.items() if name in COLUMNS}
    fits = len(cells) == len(header.columns)
    if moved := _moved_password(values, header, len(cells)):
        text, dropped = moved
        values = {name: cell for name, cell in values.items() if name not in dropped}
        lasting.append(Problem("", f"{text}, because a password may stand in the wrong cell"))
    elif not fits:
        lasting.append(Problem("", _wrong_count(len(cells), header)))
    if REASONS in header.columns:
        values = {name: csv_text.without_apostrophes(cell) for name, cell in values.items()}
    # A password may begin or end with a space.
    values = {name: cell if name == "password" else cell.strip() for name, cell in values.items()}
    password = values.pop("password", "")
    if password and (wrong := person_values.problem("password", password)):
        lasting.append(Problem("password", wrong))
    if not lasting and fits:
        lasting += _from_before(given.get(REASONS, ""), password)
    return Row(line=line, password=password, lasting=tuple(lasting), **({"username": ""} | values))


def _moved_password(values: Mapping[str, str], header: CsvHeader, count: int) -> tuple[str, Collection[str]] | None:
    """Return what is wrong with a row and which values are dropped, if a password may stand in one of them."""
    if header.password_at is None:
        return None
    if count != len(header.columns):
        # A cell too many moves the password away from a username in front of it, but onto one behind it.
        kept = {"username"}.intersection(header.columns[: header.password_at])
        text = f"{_wrong_count(count, header)}: all values{' but the username' if kept else ''} are dropped"
        return text, set(COLUMNS) - kept
    text, hit = row_shifts.beside_password(values, header.columns, header.password_at)
    return (f"{text}: password and {' and '.join(hit)} are dropped", {*hit, "password"}) if hit else None


def _wrong_count(count: int, header: CsvHeader) -> str:
    return f"{counted(count, 'cell', 'cells')}, but the header has {len(header.columns)}"


def _from_before(reasons: str, password: str) -> Iterator[Problem]:
    """Yield what a download said about a row and what its values do not show: nobody may have looked at it since."""
    for reason in reasons.split("; "):
        column, _, text = reason.partition(": ")
        if column == "password" and text and not password:
            yield Problem("password", text)
        elif row_shifts.is_of_before(reason):
            yield Problem("", reason)


def problems_of(row: Row) -> list[Problem]:
    """Return all that is wrong with a row by itself."""
    found = list(row.lasting)
    values = {name: getattr(row, name) for name in COLUMNS if name != "password"}
    shifts = row_shifts.in_words(values)
    for name, value in values.items():
        texts = [person_values.problem(name, value), shifts.get(name)]
        found += [Problem(name, "; ".join(filter(None, texts)))] if any(texts) else []
    if not fold(row.username):
        found.append(Problem("username", "the username is empty", whole=True))
    elif reason := misleading(row.username):
        found.append(Problem("username", f"the username could be taken for another one: {reason}", whole=True))
    return found


def duplicate_usernames(rows: Sequence[Row]) -> dict[int, list[Problem]]:
    """Return a problem, by line, for each row whose username an earlier row has."""
    first_lines: dict[str, int] = {}
    found: dict[int, list[Problem]] = {}
    for row in rows:
        if (key := fold(row.username)) and (first := first_lines.setdefault(key, row.line)) != row.line:
            text = f"the username {row.username} stands in line {first} already"
            found[row.line] = [Problem("username", text, whole=True)]
    return found


def taken(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a problem for each row whose username is taken."""
    existing = user_creation.taken([fold(row.username) for row in rows])
    for row in rows:
        if (name := existing.get(fold(row.username))) is not None:
            yield f"line {row.line}: the username {name} is taken (letter case does not count)"
