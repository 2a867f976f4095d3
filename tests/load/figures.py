"""What a load test measured, as numbers, and as a table in docs/reliability.md."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent.parent / "docs" / "reliability.md"
# Where figures are collected; unset, none are kept.
FOLDER = "ROLLCALL_LOAD"
# What streams a file takes as long as the file is long.
NOT_A_PAGE = {"export"}
COLUMNS = (
    *("database", "users", "browsers", "runs applied meanwhile", "users changed by runs", "acts by hand", "requests"),
    *("writes", "errors", "updates lost", "p50", "p95", "p99", "longest", "longest export"),
    "p95 of acts by hand",
)
START, END = "<!-- load -->", "<!-- end of load -->"


@dataclass(frozen=True, slots=True)
class Figures:
    """One load test: what ran, what was asked, and how long it took in milliseconds."""

    database: str
    users: int
    browsers: int
    runs: int
    seconds: float
    changes: int
    changed_meanwhile: int
    by_hand: int
    requests: int
    writes: int
    errors: int
    lost: int
    p50: float
    p95: float
    p99: float
    longest: float
    longest_export: float
    p95_by_hand: float

    def keep(self) -> None:
        """Leave the figures where they are collected."""
        if folder := os.environ.get(FOLDER):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{self.database}-{self.users}.json").write_text(json.dumps(asdict(self)))


def percentile(sorted_values: list[float], percent: float) -> float:
    """Return the value that so many percent of the others do not exceed."""
    return sorted_values[max(0, math.ceil(len(sorted_values) * percent / 100) - 1)] if sorted_values else 0.0


def slowest(rows: Iterable[dict[str, Any]]) -> list[tuple[str, int, float, float]]:
    """Return kinds of requests with how many there were, their median and their longest, the slowest first."""
    kinds: dict[str, list[float]] = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row["ms"])
    found = [(kind, len(times), percentile(sorted(times), 50), max(times)) for kind, times in kinds.items()]
    return sorted(found, key=lambda each: -each[2])


def table(found: Iterable[dict[str, Any]]) -> str:
    """Return the figures as a table of Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in found:
        runs = f"{row['runs']} in {row['seconds']:.0f} s"
        cells = [row["database"], f"{row['users']:,}", row["browsers"], runs, f"{row['changes']:,}", row["by_hand"]]
        cells += [f"{row['requests']:,}", row["writes"], row["errors"], row["lost"]]
        cells += [f"{row[key]:.0f} ms" for key in ("p50", "p95", "p99", "longest", "longest_export", "p95_by_hand")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def publish(folder: Path, page: Path = PAGE) -> None:
    """Put the collected figures into the page, in place of those of the last time."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    if not found:
        sys.exit("No figures were collected.")
    cores = os.cpu_count()
    block = (
        f"## Load\n\nA web server, a worker and Redis as `manage.py serve` starts them, on one machine with {cores} "
        "cores that the\nbrowsers share. Each person thinks for 2 to 5 seconds between requests, every fifth watches "
        "the run. Meanwhile syncs\nthat change every user are applied, and two more processes block, unblock, hold and "
        f"release users by hand.\n\n{table(found)}"
    )
    text = page.read_text()
    placed = re.sub(
        re.escape(START) + ".*" + re.escape(END), lambda _: f"{START}\n{block}\n{END}", text, flags=re.DOTALL
    )
    page.write_text(placed)
    print(table(found))


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
