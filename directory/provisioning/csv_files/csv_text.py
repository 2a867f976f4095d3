"""Turns the bytes of an uploaded CSV file into text: its encoding, the sign between its columns, and files of other kinds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from directory.provisioning.csv_files.bad_csv import BadCsv

# Other kinds of files that people upload as CSV: their first bytes, and a description.
_OTHER_FILES = (
    (b"PK\x03\x04", "an Excel or ZIP file"),
    (b"PK\x05\x06", "an empty ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"7z\xbc\xaf", "a 7-Zip file"),
    (b"%PDF", "a PDF file"),
    (b"{\\rtf", "a text with formatting"),
    (b"\x89PNG", "a picture"),
)
_LONE_RETURN = re.compile(r"\r(?!\n)")
# Two bytes and more that are one character of UTF-8, or nearly: in a file of Windows-1252 they hardly ever stand together.
_LIKE_UTF_8 = re.compile(rb"[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
# The signs between columns: spreadsheets write semicolons where the comma is the sign of decimals.
_SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True)
class CsvText:
    """The text of a file, the sign between its columns, and a note for each thing that was guessed."""

    text: str
    separator: str
    notes: tuple[str, ...] = ()


def read_text(content: bytes) -> CsvText:
    """Return the text of a file in UTF-8, UTF-16 with a mark, or Windows-1252.

    Raises:
        BadCsv: when it is another kind of file, or its encoding is none of these.
    """
    for beginning, what in _OTHER_FILES:
        if content.startswith(beginning):
            raise BadCsv(f"line 1: this is {what}: save it as CSV (UTF-8)")
    text, notes = _decoded(content)
    if "\0" in text:
        raise BadCsv(f"line {_line_of(text, text.index(chr(0)))}: a NUL character: not a text file")
    if lone := _LONE_RETURN.search(text):
        raise BadCsv(
            f"line {_line_of(text, lone.start())}: a line ends in a carriage return alone: save the file with the line "
            "ends of Windows or Unix"
        )
    return CsvText(text, separator_of(text), notes)


def _decoded(content: bytes) -> tuple[str, tuple[str, ...]]:
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding), ()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        if encoding == "utf-16":
            raise BadCsv(f"line {line}: not UTF-16: save the file as UTF-8") from error
        if not _LIKE_UTF_8.search(content):
            text = _in_windows_1252(content)
            if text is not None:
                note = f"The file is not UTF-8 (line {line}), and was read as Windows-1252: look at names with accents"
                return text, (note,)
        raise BadCsv(f"line {line}: not UTF-8: save the file as UTF-8") from error


def _in_windows_1252(content: bytes) -> str | None:
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return None


def separator_of(text: str) -> str:
    """Return the sign between the columns: the most frequent one in the first line, and a comma if there is none."""
    return max(_SEPARATORS, key=text.partition("\n")[0].count)


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


# An apostrophe that a download puts before a cell, so that no spreadsheet takes it for a formula.
_FORMULA = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
_AT_THE_START = re.compile(f"'(?=[\\s\u200b\u2060\ufeff]*{_FORMULA})")
_INSIDE = re.compile(f"(?<=[;\t\r\n])'(?=[ \xa0\u200b\u2060\u3000\ufeff]*{_FORMULA})")


def without_apostrophes(cell: str) -> str:
    """Return a cell of a download as it was before apostrophes made it safe for spreadsheets."""
    return _AT_THE_START.sub("", _INSIDE.sub("", cell), count=1) if cell.startswith("'") else _INSIDE.sub("", cell)
