"""Measures what docs/speed.md claims, shows the table, and keeps it: ``make bench`` calls this."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from tests.bench import machine, options, publishing, results
from tests.bench.claims import backups, groups, growth, impact, pages, peers, reading, sandbox, statements, workers
from tests.bench.measuring import CommandFailed
from tests.bench.options import Options
from tests.bench.results import Result
from tests.bench.rows import COLUMNS, Row, not_measured
from tests.bench.suite import Suite

# Each has ROWS, the claims that it is about, and measure(suite), which yields them with their numbers.
GROUPS: dict[str, ModuleType] = {
    "reading": reading,
    "peers": peers,
    "sandbox": sandbox,
    "growth": growth,
    "groups": groups,
    "workers": workers,
    "impact": impact,
    "statements": statements,
    "pages": pages,
    "backups": backups,
}
ORDER = [row.key for group in GROUPS.values() for row in group.ROWS]
SCRATCH = machine.ROOT / "var" / "bench"
DOCS = machine.ROOT / "docs"


def main(arguments: Sequence[str]) -> int:
    """Return 1 when something could not be measured that should have been, or a goal was missed and that counts."""
    chosen = options.parse(arguments, list(GROUPS))
    terminal = Console(width=None if sys.stdout.isatty() else 160)
    facts = machine.facts()
    terminal.print(
        f"{chosen.users:,} users, {chosen.repeats} times each, on {chosen.database}. {machine.summary(facts)}"
    )
    failures: list[str] = []
    rows: list[Row] = []
    written: list[Path] = []
    with _progress(terminal) as report, Suite(chosen, report) as suite:
        for name in chosen.only or GROUPS:
            rows += _group(name, suite, terminal, failures)
            # Whoever ends the rest keeps what has been measured.
            written = _keep(chosen, [Result(row, facts) for row in rows])
    terminal.print(_table(rows))
    if chosen.quick:
        terminal.print(
            "Of so few users most of the time is the start of the processes: this only tries the harness out."
        )
    terminal.print("Written: " + ", ".join(str(path.relative_to(machine.ROOT)) for path in written))
    missed = [row for row in rows if row.held is False]
    return 1 if failures or (chosen.strict and missed) else 0


def _group(name: str, suite: Suite, terminal: Console, failures: list[str]) -> Iterator[Row]:
    """Yield a group's rows; when a command fails, the rest of them says so."""
    group, done = GROUPS[name], set()
    try:
        for row in group.measure(suite):
            done.add(row.key)
            terminal.print(f"  {row.what}: [bold]{row.shown}[/bold] {row.verdict.strip('*')}", highlight=False)
            yield row
    except CommandFailed as error:
        failures.append(name)
        terminal.print(f"[red]{name}[/red]: {error}", highlight=False)
        for row in group.ROWS:
            if row.key not in done:
                yield not_measured(row, "a command failed, see the terminal")


def _keep(chosen: Options, found: list[Result]) -> list[Path]:
    """Keep the results, for everybody in docs/, or for whoever tries things out under var/; return the files."""
    folder = DOCS / "bench" if chosen.publish else SCRATCH
    kept = results.joined(results.load(folder / "results.json") if chosen.publish else [], found, ORDER)
    results.save(folder / "results.json", kept)
    written = [folder / "results.json", *publishing.draw(kept, DOCS if chosen.publish else SCRATCH)]
    if chosen.publish:
        publishing.publish(kept)
        written.append(publishing.PAGE)
    return written


def _table(rows: Sequence[Row]) -> Table:
    table = Table(show_lines=True)
    for column in COLUMNS:
        table.add_column(column)
    for row in rows:
        table.add_row(*(cell.replace("*", "") for cell in row.cells()))
    return table


@contextmanager
def _progress(terminal: Console) -> Iterator[Callable[[str], None]]:
    """Say what is being done: in one line on a terminal, else in a line each."""
    started = time.monotonic()

    def summary(what: str) -> str:
        return f"{time.monotonic() - started:6.0f} s  {what}"

    if not terminal.is_terminal:
        yield lambda what: print(summary(what), flush=True)
        return
    with terminal.status("starting") as status:
        yield lambda what: status.update(summary(what))


def _leave(*_: object) -> None:
    # What was started has to be stopped, also when somebody else ends this.
    raise SystemExit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(main(sys.argv[1:]))
