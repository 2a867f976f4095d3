"""A PostgreSQL server of the benchmark's own, set as in production: whatever was committed is on the disk."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from tests.bench.measuring import descendants
from tests.server_process import free_port

# Everything else is as PostgreSQL comes: fsync, synchronous_commit and full_page_writes are on.
SETTINGS = {"shared_buffers": "1GB", "effective_cache_size": "4GB", "work_mem": "16MB", "max_wal_size": "4GB"}
# Begins each line that log_statement writes; nothing else is logged at this level.
MARK = "~statement~"
LONGEST = 400


class PostgresServer:
    """One server with any number of databases; it refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "postgresql"
        self._programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        self._port, self._password = free_port(), secrets.token_hex(8)
        self._made = 0

    def __enter__(self) -> Self:
        self._folder.mkdir()
        secret = self._folder / "password"
        secret.write_text(self._password)
        if os.geteuid() == 0:
            for path in (self._folder, secret):
                shutil.chown(path, "postgres", "postgres")
            self._folder.parent.chmod(0o711)
        self._do("initdb", "--username", "rollcall", "--pwfile", str(secret), "--auth", "scram-sha-256", "--no-sync")
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop(mode="immediate")

    def start(self) -> None:
        """Start it, once or after it was stopped, and wait until it answers."""
        self._do("pg_ctl", "start", "--wait", "--silent", "--log", str(self.log), "--options", self._options())

    def stop(self, *, mode: str = "fast") -> None:
        """Stop it as PostgreSQL's ``pg_ctl`` does in this mode, and wait until it has ended."""
        self._do("pg_ctl", "stop", "--wait", "--silent", "--mode", mode)

    @property
    def log(self) -> Path:
        """Where the server writes what it does."""
        return self._folder / "log"

    def cpu_seconds(self) -> float:
        """Return how many seconds of a core all its processes have needed so far, also those that have ended."""
        first = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        ended = sum(_ticks(first)[2:])
        return (ended + sum(sum(_ticks(pid)[:2]) for pid in {first, *descendants(first)})) / os.sysconf("SC_CLK_TCK")

    def create(self, template: str = "template0") -> str:
        """Make a database, as a copy of another one, and return its name."""
        self._made += 1
        name = f"bench{self._made}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self.execute(command.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, name: str) -> None:
        """Drop a database that is not needed any more."""
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def url(self, name: str) -> str:
        """Return the address of a database as DATABASE_URL has it."""
        return f"postgres://rollcall:{self._password}@127.0.0.1:{self._port}/{name}"

    def execute(self, command: sql.Composed | sql.SQL, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Carry out one command outside of a transaction and return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(command)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def statements(self, database: str) -> Iterator[list[str]]:
        """Collect the beginnings of all statements that the database is asked meanwhile, by whatever process."""
        whole, name = sql.SQL("ALTER DATABASE {} SET log_statement = 'all'"), sql.Identifier(database)
        self.execute(whole.format(name))
        start, found = self.log.stat().st_size, list[str]()
        try:
            yield found
        finally:
            self.execute(sql.SQL("ALTER DATABASE {} RESET log_statement").format(name))
            with self.log.open(encoding="utf-8", errors="replace") as file:
                file.seek(start)
                found += [text for line in file if (text := statement(line))]

    def _options(self) -> str:
        own = {"port": self._port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self._folder}
        given = {**own, **SETTINGS, "max_connections": 60, "log_line_prefix": MARK, "log_checkpoints": "off"}
        return " ".join(f"-c {name}={value}" for name, value in given.items())

    def _do(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments, "--pgdata", str(self._folder / "data")]
        as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*as_server, *command], check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


def _ticks(pid: int) -> tuple[int, ...]:
    """Return what a process has needed: for itself, for the system, and both of its children that have ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return tuple(map(int, fields[11:15]))
    return (0, 0, 0, 0)


def statement(line: str) -> str:
    """Return the beginning of the statement in a line of the log, empty when none is there."""
    if not line.startswith(f"{MARK}LOG:"):
        return ""
    kind, _, rest = line.removeprefix(f"{MARK}LOG:").strip().partition(": ")
    return rest.strip()[:LONGEST] if kind == "statement" or kind.startswith("execute") else ""
