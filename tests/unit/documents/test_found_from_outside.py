"""The tables of what was found from outside name tests that are there, and leave no number out."""

from __future__ import annotations

import re

import pytest

from tests.tree import ROOT

# How many numbers each page has.
PAGES = {"reliability.md": 39, "directories.md": 19}


def rows(page: str) -> list[list[str]]:
    """Return the cells of each row of the table on a page."""
    text = (ROOT / "docs" / page).read_text()
    section = text.partition("## Found from outside\n")[2].partition("\n## ")[0]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if re.match(r"\| \d", line)]


ROWS = [pytest.param(row, id=f"{page}: {row[0].strip()}") for page in PAGES for row in rows(page)]


def named(cell: str) -> list[tuple[str, list[str]]]:
    """Return the test files of a cell, each with the names that are said of it."""
    found: list[tuple[str, list[str]]] = []
    for text in re.findall(r"`([^`]+)`", cell):
        file, *names = text.split("::")
        if file.startswith("tests/"):
            found.append((file, names))
        elif found and (not file or file.startswith("Test")):
            found[-1][1].extend([file, *names] if file else names)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_number_has_its_row(page: str) -> None:
    found = rows(page)

    assert {int(re.findall(r"\d+", row[0])[0]) for row in found} == set(range(1, PAGES[page] + 1))
    assert {len(row) for row in found} == {6}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_tests_that_are_there(row: list[str]) -> None:
    tests = named(row[2])

    assert tests
    for file, names in tests:
        source = (ROOT / file).read_text()
        for name in names:
            assert re.search(rf"^\s*(def|class) {re.escape(name.partition('[')[0])}\b", source, re.MULTILINE), (
                f"{file}::{name}"
            )
