"""The text of uploaded CSV files: encodings and separators that people really have."""

from __future__ import annotations

import pytest

from directory.provisioning.csv_files import csv_text
from directory.provisioning.csv_files.bad_csv import BadCsv

NAMES = "username,last_name\r\nsean,Müller\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_encoding_that_shows_is_read_without_a_note(encoding: str) -> None:
    found = csv_text.read_text(NAMES.encode(encoding))

    assert (found.text, found.notes) == (NAMES, ())


def test_windows_1252_is_read_with_a_note_about_accents() -> None:
    found = csv_text.read_text(NAMES.encode("cp1252"))

    assert found.text == NAMES
    assert found.notes == ("The file is not UTF-8 (line 2), and was read as Windows-1252: look at names with accents",)


def test_utf_8_with_a_broken_character_is_not_taken_for_windows_1252() -> None:
    with pytest.raises(BadCsv, match="line 3: not UTF-8"):
        csv_text.read_text(NAMES.encode() + b"mia,\xe9\r\n")


@pytest.mark.parametrize(
    ("header", "separator"), [("a,b", ","), ("a;b", ";"), ("a\tb", "\t"), ("a|b", "|"), ("a", ","), ("a;b,c;d", ";")]
)
def test_the_sign_between_columns_is_the_most_frequent_one_of_the_header(header: str, separator: str) -> None:
    assert csv_text.separator_of(f"{header}\n1,2,3,4,5") == separator


@pytest.mark.parametrize("cell", ["=1+1", "-x", "plain", "a;=b", "two\n+lines", "  @x", "it's"])
def test_a_cell_of_a_download_comes_back_as_it_was(cell: str) -> None:
    from console.listing.exports import cell as made_safe

    assert csv_text.without_apostrophes(made_safe(cell)) == cell
