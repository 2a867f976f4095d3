"""What a soak measured: memory, sizes of tables, statements, lines of PostgreSQL's log; and as text in docs/reliability.md."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection

from tests.load.figures import FOLDER, PAGE

if TYPE_CHECKING:
    # It is published without Django.
    from tests.faults.processes import WorkerProcesses

START, END = "<!-- soak -->", "<!-- end of soak -->"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# What holds runs: the rest grows with what is done, not with how often it is looked at.
OF_RUNS = ("directory_run", "directory_runserver", "directory_runchange", "directory_runrepeat")
_DURATION = re.compile(r"duration: ([\d.]+) ms")
_PLAIN = re.compile(r'"[^"]*"|\d+')


@dataclass
class Figures:
    """One soak as numbers: bytes by table, megabytes by minute."""

    minutes: float
    users: int
    runs: dict[str, int]
    acts: dict[str, int]
    faults: dict[str, int]
    memory: list[tuple[float, int, int]]
    sizes: dict[str, tuple[int, int]]
    rows_of_runs: dict[str, int]
    longest_statement: float
    slow_statements: int
    errors: dict[str, int]
    broken: int

    @property
    def bytes_per_run_and_user(self) -> float:
        """How much the tables of runs have grown for each run and user."""
        grown = sum(after - before for name, (before, after) in self.sizes.items() if name in OF_RUNS)
        return grown / max(1, sum(self.runs.values())) / self.users

    def keep(self) -> None:
        """Leave the figures where they are collected."""
        if folder := os.environ.get(FOLDER):
            (Path(folder) / "soak.json").write_text(json.dumps(asdict(self)))

    def __str__(self) -> str:
        return text(self)


def sizes() -> dict[str, int]:
    """Return the bytes of each table with its indexes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables")
        return dict(cursor.fetchall())


def statements(log: Path) -> tuple[float, int]:
    """Return the seconds of the longest statement in PostgreSQL's log, and how many took over half a second."""
    found = [float(each) / 1000 for each in _DURATION.findall(log.read_text(errors="replace"))]
    return max(found, default=0.0), sum(each > 0.5 for each in found)


def errors(log: Path) -> Counter[str]:
    """Return the error lines of PostgreSQL's log, alike ones together."""
    lines = log.read_text(errors="replace").splitlines()
    return Counter(_PLAIN.sub("…", line.partition("ERROR:")[2].strip())[:120] for line in lines if "ERROR:" in line)


@dataclass
class Memory:
    """Looks every few seconds how much memory the largest and all processes of the workers hold, in megabytes."""

    workers: WorkerProcesses
    every: float = 5.0
    seen: list[tuple[float, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop, self._began = threading.Event(), time.monotonic()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def _look(self) -> None:
        while not self._stop.wait(self.every):
            groups = {worker.pid for worker in list(self.workers.processes) if worker.runs}
            each = [size for group, size in _resident() if group in groups]
            minute = round((time.monotonic() - self._began) / 60, 2)
            self.seen.append((minute, max(each, default=0) >> 20, sum(each) >> 20))


def _resident() -> list[tuple[int, int]]:
    """Return the process group and the resident bytes of every process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
            found.append((group, int((folder / "statm").read_text().split()[1]) * PAGE_BYTES))
        except (OSError, IndexError, ValueError):
            # It has ended meanwhile.
            continue
    return found


def text(figures: Figures) -> str:
    """Return the figures as Markdown."""
    lasted, runs = figures.minutes, sum(figures.runs.values())
    memory = (
        [figures.memory[len(figures.memory) * part // 4 - (part == 4)] for part in range(5)] if figures.memory else []
    )
    largest = sorted(figures.sizes.items(), key=lambda each: -each[1][1])[:8]
    total = tuple(sum(each[side] for each in figures.sizes.values()) for side in (0, 1))
    lines = [
        "## Soak",
        "",
        f"{lasted:.0f} minutes on PostgreSQL with {figures.users:,} users of two LDAP servers (slapd), 3 workers, and two people",
        "who act by hand. The directories change, one run follows the other (of one server, of the other, of both; simulated",
        "and applied), and something is killed, stopped or silenced every few seconds.",
        "",
        "| what | figure |",
        "|---|---|",
        f"| runs | {runs}: {_listed(figures.runs)} |",
        f"| acts by hand and edits | {sum(figures.acts.values()):,}: {_listed(figures.acts)} |",
        f"| faults | {sum(figures.faults.values())}: {_listed(figures.faults)} |",
        f"| broken invariants | {figures.broken} |",
        f"| longest statement | {figures.longest_statement:.2f} s; {figures.slow_statements} took over 0.5 s |",
        f"| error lines in PostgreSQL's log | {sum(figures.errors.values())}{_counted(figures.errors)} |",
        f"| database | {total[0] >> 20} MB at the start, {total[1] >> 20} MB at the end |",
        f"| tables of runs, by run and user | {figures.bytes_per_run_and_user:.1f} bytes |",
        f"| rows that runs have written | {_listed(figures.rows_of_runs)} |",
        "",
        "| minute | largest worker process | all of them |",
        "|---|---|---|",
        *(f"| {minute:.1f} | {one} MB | {all_of_them} MB |" for minute, one, all_of_them in memory),
        "",
        "| table | start | end |",
        "|---|---|---|",
        *(f"| {name} | {before / 2**20:.1f} MB | {after / 2**20:.1f} MB |" for name, (before, after) in largest),
    ]
    return "\n".join(lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda each: -each[1]))


def _counted(found: dict[str, int]) -> str:
    return "".join(f"; {count} times {what}" for what, count in sorted(found.items(), key=lambda each: -each[1])[:4])


def publish(folder: Path, page: Path = PAGE) -> None:
    """Put the collected figures into the page, in place of those of the last time."""
    path = folder / "soak.json"
    if not path.exists():
        sys.exit("No figures were collected.")
    block = text(Figures(**json.loads(path.read_text())))
    new, whole = f"{START}\n{block}\n{END}", page.read_text()
    place = re.compile(re.escape(START) + ".*" + re.escape(END), flags=re.DOTALL)
    page.write_text(place.sub(lambda _: new, whole) if place.search(whole) else f"{whole.rstrip()}\n\n{new}\n")
    print(block)


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
