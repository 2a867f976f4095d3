"""The tables of docs/directories.md: what each act was read as in each make of directory, as the tests saw it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.catalogue import FOLDER, keep, kept, put_between

PAGE = Path(__file__).parent.parent.parent / "docs" / "directories.md"
FULL = "full"
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


def note_histories(make: str, count: int, steps: int) -> None:
    """Collect how many random histories of a directory held."""
    keep({"table": "histories", "make": make, "count": count, "steps": steps})


def told(extent: str) -> str:
    """Return what a reading says that it read, in few words and without what differs from run to run."""
    if not extent:
        return "everything"
    if not extent.startswith("everything"):
        return "changes"
    reason = extent.removeprefix("everything, because ")
    reason = re.sub(r"(cn|ou|dc|uid)=[^ ]*(?:\\2C [^ ]*)?", "…", reason, flags=re.IGNORECASE)
    return f"everything: {reason}"


def acts(rows: Iterable[Mapping[str, Any]], order: Iterable[str]) -> str:
    """Return a table for each make; a reading of everything comes last."""
    by_make: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        by_make.setdefault(row["make"], {}).setdefault(row["act"], {})[row["reading"]] = row["seen"] or FAILED
    parts = []
    for make in sorted(by_make):
        cells = by_make[make]
        readings = sorted(
            {reading for each in cells.values() for reading in each}, key=lambda name: (name == FULL, name)
        )
        lines = [f"### {make}", "", f"| act | {' | '.join(readings)} |", "|---" * (1 + len(readings)) + "|"]
        lines += [
            f"| {act} | " + " | ".join(cells[act].get(reading, "–") for reading in readings) + " |"
            for act in order
            if act in cells
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def histories(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a table of how many histories there were in which make."""
    counts: dict[str, list[int]] = {}
    for row in rows:
        count = counts.setdefault(row["make"], [0, 0])
        count[0] += row["count"]
        count[1] += row["steps"]
    lines = ["| directory | histories | readings compared | planned otherwise |", "|---|---|---|---|"]
    return "\n".join(
        [*lines, *(f"| {make} | {count} | {steps} | 0 |" for make, (count, steps) in sorted(counts.items()))]
    )


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
    """Tell whether rows are collected at all."""
    return bool(os.environ.get(FOLDER))


if __name__ == "__main__":
    from tests.servers.acts import ACTS

    if not publish(Path(sys.argv[1]), [act.name for act in ACTS]):
        sys.exit("Not every row held.")
