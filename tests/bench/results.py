"""The file of results: what was measured, when and on which machine; what was not measured anew stays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.rows import Row, from_json

# What says that two rows are of the same run.
RUN = ("date", "revision")


@dataclass(frozen=True, slots=True)
class Result:
    """One row with the facts of the machine, at the time when it was measured."""

    row: Row
    machine: dict[str, Any]

    @property
    def run(self) -> tuple[str, ...]:
        """The run that it is from."""
        return tuple(str(self.machine[name]) for name in RUN)


def load(path: Path) -> list[Result]:
    """Return what the file holds; nothing where there is none."""
    if not path.exists():
        return []
    stored = json.loads(path.read_text("utf-8"))
    return [Result(from_json(each["row"]), stored["machines"][each["machine"]]) for each in stored["results"]]


def save(path: Path, results: Iterable[Result]) -> None:
    """Write the results, with the facts of each run once."""
    machines: list[dict[str, Any]] = []
    rows = []
    for result in results:
        if result.machine not in machines:
            machines.append(result.machine)
        rows.append({"machine": machines.index(result.machine), "row": result.row.as_json()})
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {"machines": machines, "results": rows}
    path.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", "utf-8")


def joined(before: Iterable[Result], now: Iterable[Result], order: Sequence[str]) -> list[Result]:
    """Return the newest result of each claim that still exists, in the order of the claims.

    What is not measured now, but was before, stays as it was.
    """
    found = {result.row.key: result for result in before}
    for result in now:
        if result.row.measured is not None or result.row.key not in found:
            found[result.row.key] = result
    return [found[key] for key in order if key in found]
