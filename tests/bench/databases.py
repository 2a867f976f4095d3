"""Where the databases of a benchmark come from: PostgreSQL as in production, or SQLite files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.bench.postgres import PostgresServer

Migrate = Callable[[str], None]


class Databases(Protocol):
    """Makes databases, each named by its address as DATABASE_URL has it."""

    def empty(self) -> str:
        """Make one without tables."""

    def migrated(self, migrate: Migrate) -> str:
        """Make one with the console's tables, which ``migrate`` puts into the first one."""


class OnPostgres:
    """Databases of one server; the tables are made once and copied."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._template = ""

    def empty(self) -> str:
        """Make one without tables."""
        return self._server.url(self._server.create())

    def migrated(self, migrate: Migrate) -> str:
        """Make one with the console's tables."""
        if not self._template:
            self._template = self._server.create()
            migrate(self._server.url(self._template))
        return self._server.url(self._server.create(self._template))


class InFiles:
    """SQLite files in one folder; the tables are made once and copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def empty(self) -> str:
        """Make one without tables."""
        return f"sqlite:///{self._next()}"

    def migrated(self, migrate: Migrate) -> str:
        """Make one with the console's tables."""
        template, file = self._folder / "template.sqlite3", self._next()
        if not template.exists():
            migrate(f"sqlite:///{template}")
        shutil.copy(template, file)
        return f"sqlite:///{file}"

    def _next(self) -> Path:
        self._made += 1
        return self._folder / f"bench{self._made}.sqlite3"
