"""The rows of docs/reliability.md: what each fault, script, request, upload and setting did, as the tests saw it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
# Where rows are collected; unset, tests note nothing.
FOLDER = "ROLLCALL_ROWS"
# What differs from run to run and from machine to machine.
VARYING = (
    (re.compile(re.escape(str(PAGE.parent.parent))), "."),
    (re.compile(r"/tmp/[^\s'\",;)]+"), "/tmp/…"),
    (re.compile(r"/proc/\d+"), "/proc/PID"),
    (re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):\d{4,5}"), r"\1:PORT"),
    (re.compile(r"\bpid \d+"), "pid PID"),
)
KINDS = {
    "faults": "Faults",
    "scripts": "Hostile scripts",
    "requests": "Attack requests",
    "uploads": "Bad uploads",
    "settings": "Bad LDAP settings",
}


@dataclass(slots=True)
class Row:
    """One thing that was done to Rollcall: how, what had to happen, and what did.

    ``wrongly_changed`` counts users that are not as they should be, ``lost`` rows of data that should be there.
    """

    kind: str
    name: str
    how: str
    expected: str
    seen: str = ""
    wrongly_changed: int | None = None
    lost: int | None = None
    where: str = ""
    held: bool = field(default=False)

    def saw(self, what: str, *, wrongly_changed: int, lost: int = 0) -> None:
        """Note what happened; none of it may have changed a user wrongly or lost anything.

        Raises:
            AssertionError: when it has.
        """
        self.seen, self.wrongly_changed, self.lost = what, wrongly_changed, lost
        assert (wrongly_changed, lost) == (0, 0), f"{self.name}: {what}"


@contextmanager
def noted(kind: str, name: str, *, how: str, expected: str, where: str = "") -> Iterator[Row]:
    """Collect one row, whether or not the test inside holds; it has to call ``saw``.

    ``where`` names the database when the row belongs to one (``sqlite``, ``postgresql``).
    """
    assert kind in KINDS, f"{kind} is none of {', '.join(KINDS)}"
    row = Row(kind, name, how, expected, where=where)
    try:
        yield row
        assert row.wrongly_changed is not None, f"{name}: the test did not say what it saw"
        row.held = True
    finally:
        keep(asdict(row))


def keep(row: Mapping[str, Any]) -> None:
    """Collect one row of any table, where rows are collected."""
    folder = os.environ.get(FOLDER)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with (Path(folder) / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def kept(folder: Path) -> list[dict[str, Any]]:
    """Return all rows that were collected in a folder."""
    lines = (line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines())
    return [json.loads(line) for line in lines]


def put_between(text: str, name: str, content: str) -> str:
    """Return a page with this between the marks of that name."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{content}\n{end}{after}"


def collected(folder: Path) -> list[dict[str, Any]]:
    """Return the rows in a folder, one for each kind and name; the databases it was seen on are joined."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in kept(folder):
        first = found.setdefault((row["kind"], row["name"]), row)
        if first is not row:
            first["where"] = ", ".join(sorted({*filter(None, first["where"].split(", ")), row["where"]} - {""}))
            first["held"] = first["held"] and row["held"]
            for count in ("wrongly_changed", "lost"):
                first[count] = None if None in {first[count], row[count]} else max(first[count], row[count])
    return [found[key] for key in sorted(found)]


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Return rows of one kind as a table of Markdown."""
    lines = [
        "| # | what | how | expected | seen | users wrongly changed | data lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, row in enumerate(rows, start=1):
        where = f" ({row['where']})" if row["where"] else ""
        seen = row["seen"] if row["held"] else f"**did not hold** {row['seen']}"
        cells = [row["name"] + where, row["how"], row["expected"], seen, row["wrongly_changed"], row["lost"]]
        lines.append(f"| {number} | " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    text = text if len(text) <= 160 else text[:159] + "…"
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def publish(folder: Path, page: Path = PAGE) -> None:
    """Replace the tables of the kinds that were collected; the others stay as they are."""
    text = page.read_text()
    rows = collected(folder)
    for kind, title in KINDS.items():
        mine = [row for row in rows if row["kind"] == kind]
        if mine:
            wrong = sum(row["wrongly_changed"] or 0 for row in mine)
            lost = sum(row["lost"] or 0 for row in mine)
            held = sum(row["held"] for row in mine)
            summary = f"{len(mine)} rows, {held} held; users wrongly changed: {wrong}; data lost: {lost}."
            text = put_between(text, kind, f"## {title}\n\n{summary}\n\n{table(mine)}")
            print(f"{title}: {summary}")
    page.write_text(text)
    if not all(row["held"] for row in rows):
        sys.exit("Not every row held.")


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
