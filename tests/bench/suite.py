"""What all claims share: the options, one database server, worlds that are built once, and words for the terminal."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.console import Console, migrate
from tests.bench.databases import Databases, InFiles, OnPostgres
from tests.bench.jobs import Jobs
from tests.bench.options import Options
from tests.bench.postgres import PostgresServer
from tests.bench.world import World


class Suite:
    """One benchmark; at its end all that it has started is stopped and all that it has written is gone."""

    def __init__(self, options: Options, report: Callable[[str], None]) -> None:
        self.options = options
        self.report = report
        self.folder = Path(tempfile.mkdtemp(prefix="rollcall-bench-"))
        self._stack = ExitStack()
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._server: PostgresServer | None = None
        self._jobs: dict[int, Jobs] = {}
        self._made = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def server(self) -> PostgresServer:
        """The PostgreSQL server, started when it is first needed."""
        if self._server is None:
            self.report("starting PostgreSQL")
            self._server = self._stack.enter_context(PostgresServer(self.folder))
        return self._server

    @property
    def databases(self) -> Databases:
        """Where the console's databases come from."""
        if not hasattr(self, "_databases"):
            sqlite = self.options.database == "sqlite"
            self._databases: Databases = InFiles(self.folder) if sqlite else OnPostgres(self.server)
        return self._databases

    def jobs(self, count: int) -> Jobs:
        """Return what is done with a world of so many users; built when first asked for, and kept."""
        if count not in self._jobs:
            # The first sync of ten times as many takes minutes, in which what else the machine does hardly counts.
            firsts = 1 if count > self.options.users else None
            world = self._stack.enter_context(self.world(count))
            self._jobs[count] = Jobs(world, self.options.repeats, firsts=firsts)
        return self._jobs[count]

    def world(self, count: int) -> World:
        """Return a world of so many users that is built when it is entered."""
        self.report(f"a directory and a console of {count:,} users")
        return World(self.new_folder(), self.database_url(), count)

    def console(self) -> Console:
        """Return a console without users."""
        return Console(self.new_folder(), self.database_url())

    def database_url(self) -> str:
        """Return the address of a new database with the console's tables."""
        return self.databases.migrated(lambda url: migrate(self.new_folder(), url))

    def database_seconds(self) -> float | None:
        """Return how many seconds of a core the database has needed so far; None where it has no process of its own."""
        return None if self.options.database == "sqlite" else self.server.cpu_seconds()

    def new_folder(self) -> Path:
        """Return a folder that does not exist yet."""
        self._made += 1
        return self.folder / f"console{self._made}"
