"""A directory of so many people, and a console whose users are in line with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.bench import people
from tests.bench.console import SEED_SCRIPTS, Console
from tests.bench.measuring import CommandFailed, Measured
from tests.bench.slapd import LargeDirectory

# importusers takes half a million rows.
MOST_ROWS = 250_000
# What a sync says of users who did not stay as they were, and of those whom it did not decide about.
CHANGES = ("deactivated", "blocked", "activated", "moved", "rolesChanged", "renamed", "profileChanged")
TROUBLE = ("scriptErrors", "notChecked", "conflicts", "notApplied")


class World:
    """One slapd and one console, whose next sync would change nobody."""

    def __init__(self, folder: Path, database_url: str, count: int, *, groups: int = 0, members: int = 0) -> None:
        self.count = count
        self.directory = LargeDirectory(count, groups=groups, members=members)
        self.console = Console(folder, database_url)

    def __enter__(self) -> Self:
        self.directory.start()
        try:
            self._fill()
        except BaseException:
            self.directory.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.directory.stop()

    def follow(self, scripts: Mapping[str, object]) -> None:
        """Let these scripts decide from now on, under settings that may stand beside them."""
        self.console.follow(self.directory.url, self.directory.base, scripts)

    def sync(self, expected: Mapping[str, int] | None = None) -> Measured:
        """Run a sync; everybody has to be read, and the changes have to be exactly the expected ones.

        Raises:
            CommandFailed: when they are not.
        """
        measured, summary = self.console.sync()
        self._check(summary, expected)
        return measured

    def check(self, sync: Measured, expected: Mapping[str, int]) -> None:
        """Check what a sync that ran elsewhere has printed, as ``sync`` does; raises CommandFailed."""
        self._check(json.loads(sync.output.splitlines()[-1]), expected)

    def _check(self, summary: Mapping[str, Any], expected: Mapping[str, int] | None) -> None:
        counts = dict.fromkeys(CHANGES + TROUBLE, 0) | {"users": self.count} | dict(expected or {})
        if wrong := {name: summary[name] for name, value in counts.items() if summary[name] != value}:
            raise CommandFailed(f"the sync of {self.count:,} users changed other users than it should: {wrong}")

    def sync_summary(self, *, simulated: bool = False) -> dict[str, Any]:
        """Run a sync, whatever it changes, and return what it says."""
        return self.console.sync(simulated=simulated)[1]

    def _fill(self) -> None:
        file, persons = self.console.folder / "users.csv", people.people(self.count)
        for _ in range(0, self.count, MOST_ROWS):
            people.write_csv(file, islice(persons, MOST_ROWS))
            self.console.manage("importusers", str(file), "--no-scripts")
        self.follow(SEED_SCRIPTS)
        # A configuration has to be simulated before a real run takes it.
        self.console.sync(simulated=True)
        self.console.sync()
