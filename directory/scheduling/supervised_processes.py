"""Writes and reads the states of the processes that ``manage.py serve`` runs, in a small file in the data folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

FILE = "processes.json"
# The supervisor writes the file at every change and this often.
EVERY = timedelta(seconds=20)
SILENT = 4 * EVERY


@dataclass(frozen=True, slots=True)
class Supervised:
    """One process: its id (0 while it is down), the times at which it ended, its last exit status, the next start.

    ``started`` is the start time by the kernel: it differs for a later process with the same id.
    """

    name: str
    pid: int = 0
    started: str = ""
    ended: tuple[datetime, ...] = ()
    status: int = 0
    next_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All processes of one supervisor, and when the report was written."""

    at: datetime
    processes: tuple[Supervised, ...] = field(default_factory=tuple)


def write(folder: Path, report: Report) -> None:
    """Replace the earlier report.

    Raises:
        OSError: when it can't be written, as on a full disk; the earlier report stays.
    """
    fresh = folder / f"{FILE}.new"
    fresh.write_text(json.dumps(asdict(report), default=_text), "utf-8")
    fresh.replace(folder / FILE)


def read(folder: Path) -> Report | None:
    """Return the supervisor's last report; None when it is missing or damaged."""
    try:
        found = json.loads((folder / FILE).read_text("utf-8"))
        return Report(datetime.fromisoformat(found["at"]), tuple(_process(each) for each in found["processes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(folder: Path) -> None:
    """Remove the report: all processes have been stopped."""
    (folder / FILE).unlink(missing_ok=True)


def _process(found: Mapping[str, object]) -> Supervised:
    ended, following = found["ended"], found["next_start"]
    if not isinstance(ended, list):
        raise TypeError("a list is wanted")
    return Supervised(
        name=str(found["name"]),
        pid=int(str(found["pid"])),
        started=str(found["started"]),
        ended=tuple(datetime.fromisoformat(each) for each in ended),
        status=int(str(found["status"])),
        next_start=datetime.fromisoformat(str(following)) if following else None,
    )


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
