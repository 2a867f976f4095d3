"""Reads in an archive what its maintenance decides by: whether a device may be at work, and which times can't be true."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orgs.backups.folders import FILE_NAME
from orgs.backups.restic import local_restic
from orgs.backups.restic.local_restic import ResticAnswer

# A device that sleeps in mid-backup goes on when it wakes, and counts on what it has stored before.
MAY_SLEEP = timedelta(hours=24)
# Clocks differ a little.
_CLOCKS_DIFFER = timedelta(minutes=10)
# A snapshot has the time at which its backup began, and comes at its end.
LONGEST_BACKUP = timedelta(days=3)


class Unreadable(Exception):
    """The snapshots of an archive can't be listed, with the reason."""


def device_may_be_at_work(repository: Path, restic: Callable[..., ResticAnswer]) -> bool:
    """Return whether a device has locked the archive, or has renewed its lock, in the last ``MAY_SLEEP``.

    By the clock of this machine, which has written the file: restic calls a lock stale by the time and the name that the
    device put into it. A device whose clock is slow, or that is called as this machine, would lose what it stores now.
    """
    return any(_is_of_device(path, restic) for path in _new_locks(repository / "locks"))


def _new_locks(folder: Path) -> list[Path]:
    now, found = time.time(), []
    for path in folder.iterdir():
        # One that has just been removed is no lock any more.
        with suppress(FileNotFoundError):
            if FILE_NAME.fullmatch(path.name) and abs(now - path.stat().st_mtime) < MAY_SLEEP.total_seconds():
                found.append(path)
    return found


def _is_of_device(path: Path, restic: Callable[..., ResticAnswer]) -> bool:
    """Return whether a lock may be that of a device: it reads and adds, and so shares the archive with others."""
    answer = restic("cat", "lock", path.name, "--no-lock")
    if not answer.went_well:
        # Nobody knows whose it is, unless it is gone by now.
        return path.exists()
    with suppress(ValueError, AttributeError):
        return json.loads(answer.words).get("exclusive") is not True
    return True


@dataclass(frozen=True, slots=True)
class StoredSnapshots:
    """The times of the snapshots of an archive by their ids: of those that came about when they say, and of all."""

    in_time: dict[str, datetime]
    every: dict[str, datetime]

    @property
    def of_the_future(self) -> int:
        """How many have a time that is still to come."""
        latest = datetime.fromtimestamp(time.time(), UTC) + _CLOCKS_DIFFER
        return sum(each > latest for each in self.every.values())


def snapshots(
    repository: Path, password: str, *, go_on: Callable[[], None], keep_open: Collection[int] = ()
) -> StoredSnapshots:
    """Return the times of the snapshots.

    The device writes the time of a snapshot. When it came is the time of its file, by the clock of this machine.

    Raises:
        Unreadable: when they can't be listed.
    """
    with tempfile.TemporaryFile() as output:
        arguments = ("snapshots", "--json", "--no-lock")
        done = local_restic.run(repository, password, *arguments, go_on=go_on, output=output, keep_open=keep_open)
        if not done.went_well:
            raise Unreadable(done.words)
        output.seek(0)
        try:
            every = {each["id"]: datetime.fromisoformat(each["time"]) for each in json.load(output) or []}
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable("restic lists a snapshot without a time") from error
    in_time = {name: when for name, when in every.items() if _came_in_time(repository / "snapshots" / name, when)}
    return StoredSnapshots(in_time, every)


def _came_in_time(path: Path, when: datetime) -> bool:
    with suppress(FileNotFoundError):
        came = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return -_CLOCKS_DIFFER <= came - when <= LONGEST_BACKUP
    return False
