"""The tables of docs/directories.md: what each act was read as in each make of directory, as the tests saw it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.catalogue import FOLDER, keep, kept, put_between

PAGE = Path(__file__).parent.parent.parent / "docs" / "directories.md"
FULL = "full"
EVERYTHING = "everything"
FAILED = "**planned otherwise**"


@dataclass(slots=True)
class Row:
    """One act in one make of directory, read in one way; ``seen`` says what was read, empty where the test failed."""

    make: str
    reading: str
    act: str
    seen: str = ""


@contextmanager
def noted(make: str, reading: str, act: str) -> Iterator[Row]:
    """Collect one row, whether or not the test inside holds."""
    row = Row(make, reading, act)
    try:
        yield row
    finally:
        keep({"table": "acts", **asdict(row)})


def note_histories(make: str, count: int, steps: int, *, failed: bool) -> None:
    """Collect how many random histories of a directory were tried, and whether one of them did not hold."""
    keep({"table": "histories", "make": make, "count": count, "steps": steps, "failed": int(failed)})


def what_was_read(extent: str) -> str:
    """Return what a reading says that it read, in few words and without what differs from run to run."""
    if not extent:
        return EVERYTHING
    if not extent.startswith(EVERYTHING):
        return "changes"
    reason = extent.removeprefix(f"{EVERYTHING}, because ")
    reason = re.sub(r"(cn|ou|dc|uid)=[^ ]*(?:\\2C [^ ]*)?", "…", reason, flags=re.IGNORECASE)
    return f"{EVERYTHING}: {reason}"


def acts(rows: Sequence[Mapping[str, Any]], order: Iterable[str]) -> str:
    """Return one table, a column for each make and reading; why everything was read stands in notes below it."""
    cells = {(row["make"], row["reading"], row["act"]): row["seen"] or FAILED for row in rows}
    columns = [key for key in dict.fromkeys((row["make"], row["reading"]) for row in rows) if key[1] != FULL]
    columns.sort()
    notes: dict[str, int] = {}
    lines = ["| act | " + " | ".join(f"{make}: {reading}" for make, reading in columns) + " |"]
    lines.append("|---" * (1 + len(columns)) + "|")
    for act in order:
        seen = [_short(cells.get((*column, act), "–"), notes) for column in columns]
        if set(seen) != {"–"}:
            lines.append(f"| {act} | " + " | ".join(seen) + " |")
    lines += ["", *(f"{number}. {_sentence(reason)}" for reason, number in notes.items())]
    full = {key: seen for key, seen in cells.items() if key[1] == FULL}
    if full:
        wrong = [f"{make}, {act}" for (make, _, act), seen in full.items() if seen == FAILED]
        makes = len({make for make, _, _ in full})
        lines += [
            "",
            f"Read in full on purpose, {len(full) - len(wrong)} of {len(full)} acts in {makes} makes were planned alike.",
        ]
        lines += [f"Not so: {'; '.join(wrong)}."] if wrong else []
    return "\n".join(lines)


def _short(seen: str, notes: dict[str, int]) -> str:
    """Return what stands in a cell, with the number of its note."""
    what, _, reason = seen.partition(": ")
    return f"{what} ({notes.setdefault(reason, len(notes) + 1)})" if reason else what


def _sentence(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:]}."


def histories(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a table of how many histories there were in which make, and how many did not hold."""
    counts: dict[str, list[int]] = {}
    for row in rows:
        count = counts.setdefault(row["make"], [0, 0, 0])
        for at, name in enumerate(("count", "steps", "failed")):
            count[at] += row[name]
    lines = [
        "| directory | histories | readings compared | parts with a history planned otherwise |",
        "|---|---|---|---|",
    ]
    cells = (" | ".join(map(str, (make, *count))) for make, count in sorted(counts.items()))
    return "\n".join([*lines, *(f"| {each} |" for each in cells)])


def publish(folder: Path, order: Iterable[str], page: Path = PAGE) -> bool:
    """Replace the tables that were collected; the others stay. Return whether every row held."""
    rows, text = kept(folder), page.read_text()
    of_acts = [row for row in rows if row["table"] == "acts"]
    of_histories = [row for row in rows if row["table"] == "histories"]
    if of_acts:
        text = put_between(text, "acts", acts(of_acts, order))
    if of_histories:
        text = put_between(text, "histories", histories(of_histories))
    page.write_text(text)
    return all(row["seen"] for row in of_acts)


def collects() -> bool:
    """Return whether rows are collected at all."""
    return bool(os.environ.get(FOLDER))


if __name__ == "__main__":
    from tests.servers.acts import ACTS

    if not publish(Path(sys.argv[1]), [act.name for act in ACTS]):
        sys.exit("Not every row held.")
