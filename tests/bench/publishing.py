"""Puts the table of results into docs/speed.md, between its marks, and draws the pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.bench import machine, pictures
from tests.bench.results import Result
from tests.bench.rows import markdown

PAGE = machine.ROOT / "docs" / "speed.md"
START, END = "<!-- speed -->", "<!-- end of speed -->"


def publish(results: Sequence[Result], page: Path = PAGE) -> None:
    """Replace the table in the page."""
    page.write_text(placed(page.read_text("utf-8"), summary(results)), "utf-8")


def summary(results: Sequence[Result]) -> str:
    """Return the table, and for each run that a row of it is from what ran where."""
    runs = {result.run: result.machine for result in results}
    several = len(runs) > 1
    lines = [markdown([result.row for result in results])]
    for run, facts in sorted(runs.items(), reverse=True):
        keys = [f"{result.row.what} ({result.row.against})" for result in results if result.run == run]
        which = f" These rows are from then: {'; '.join(keys)}." if several else ""
        lines.append(f"Measured on {machine.summary(facts)}{which}")
    return "\n\n".join(lines)


def placed(text: str, content: str) -> str:
    """Return a page with something else between its marks; ValueError where it has none."""
    pattern = re.compile(f"{re.escape(START)}.*{re.escape(END)}", re.DOTALL)
    changed, count = pattern.subn(lambda _: f"{START}\n{content}\n{END}", text)
    if count != 1:
        raise ValueError(f"the page needs {START} and {END}, once")
    return changed


def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Draw the pictures that these results are enough for, and return their files."""
    rows = {result.row.key: result.row for result in results}
    found = []
    for name, picture in (("speed-peers.svg", pictures.peers(rows)), ("speed-growth.svg", pictures.growth(rows))):
        if picture:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(picture, "utf-8")
            found.append(folder / name)
    return found
