"""The table of what was found from outside names tests that are there, and leaves no number out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SECTION = (
    (ROOT / "docs" / "reliability.md").read_text().partition("## Found from outside\n")[2].partition("\n<!-- faults")[0]
)
ROWS = [re.split(r"(?<!\\)\|", line)[1:-1] for line in SECTION.splitlines() if re.match(r"\| \d", line)]


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


def test_every_number_has_its_row() -> None:
    assert {int(re.findall(r"\d+", row[0])[0]) for row in ROWS} == set(range(1, 40))
    assert {len(row) for row in ROWS} == {6}


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip() for row in ROWS])
def test_a_row_names_tests_that_are_there(row: list[str]) -> None:
    tests = named(row[2])

    assert tests
    for file, names in tests:
        source = (ROOT / file).read_text()
        for name in names:
            assert re.search(rf"^\s*(def|class) {re.escape(name.partition('[')[0])}\b", source, re.MULTILINE), (
                f"{file}::{name}"
            )
