"""Real processes to be killed: workers, clocks, web servers and a Redis, each ended by its own id."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

import redis

from directory.models import Run
from tests.server_process import accepts, free_port, start_process

TIMEOUT = 240.0
T = TypeVar("T")


def wait_for(what: Callable[[], T], what_for: str, *, seconds: float = TIMEOUT, pause: float = 0.02) -> T:
    """Wait until this is true and return it."""
    ends = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < ends, f"waited {seconds:.0f} s in vain: {what_for}"
        time.sleep(pause)
    return found


class Process:
    """One process with all that it starts, in a process group of its own; its output is in a file."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.output = folder / f"{name}-{secrets.token_hex(4)}.log"
        with self.output.open("wb") as output:
            self._process = start_process(
                command,
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_for_words(self, words: str) -> None:
        """Wait until the output has these words."""

        def log() -> bool:
            assert words in self.log or self.runs, f"ended before it said {words}: {self.log[-3000:]}"
            return words in self.log

        wait_for(log, f"{words} in {self.output}: {self.log[-500:]}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself."""
        self._process.send_signal(number)

    def send_all(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End the process and all that it has started, as a power cut would."""
        self.send_all(signal.SIGKILL)
        self._process.wait(20)

    def wait(self, seconds: float = 60) -> int:
        return self._process.wait(seconds)


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes that a process has started and that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            number, _, rest = path.read_text().partition(" ")
            state, parent = rest.rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(number))
    return found


def script_children_of(pid: int) -> list[int]:
    """Return the ids of those that run scripts; the one that reads from LDAP is another child."""
    found = []
    for child in children_of(pid):
        with suppress(OSError):
            if b"sandbox/child/main.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


class Broker:
    """A Redis of one's own, as ``manage.py serve`` starts it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._options = folder, options
        self._password, self.port = secrets.token_hex(8), free_port()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", self._password, "--save", ""]
        kept = ["--dir", str(self._folder), "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        self._process = Process("redis", ["redis-server", *fixed, *kept, *self._options], {}, self._folder)
        wait_for(self._answers, "Redis answers")
        return self

    @property
    def process(self) -> Process:
        assert self._process is not None, "Redis was not started"
        return self._process

    def kill(self) -> None:
        self.process.kill()

    def do(self, *command: str) -> object:
        """Say something to Redis and return what it answers."""
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*command)

    def waiting(self, queue: str = "sync") -> int:
        with redis.Redis.from_url(self.url) as client:
            return int(client.llen(queue))

    def _answers(self) -> bool:
        try:
            return bool(self.do("PING"))
        except redis.ConnectionError:
            return False


class Fuse:
    """Says to all workers what is to happen at a point; the first that comes there does it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "fuse"

    def light(self, point: str, do: str = "kill", *, when: str = "after", nth: int = 1) -> None:
        self.put_out()
        what_for = {"id": secrets.token_hex(4), "point": point, "when": when, "nth": nth, "do": do}
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(what_for))
        fresh.rename(self.file)

    def put_out(self) -> None:
        for path in (self.file, self.file.with_suffix(".burnt"), self.file.with_suffix(".gate")):
            path.unlink(missing_ok=True)

    @property
    def burnt(self) -> bool:
        return self.file.with_suffix(".burnt").exists()

    def wait(self) -> None:
        """Wait until it has happened."""
        wait_for(lambda: self.burnt, f"the fuse {self.file.read_text() if self.file.exists() else ''} burns")

    def go_on(self) -> None:
        """Let who waits at the point go on."""
        self.file.with_suffix(".gate").touch()


class WorkerProcesses:
    """Workers that wait for work; one that dies is replaced when the next one is asked for."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, dict(environment)
        self.processes: list[Process] = []

    def start(self, **environment: str) -> Process:
        """Start one more worker, without waiting for it."""
        name = f"{secrets.token_hex(4)}@%h"
        options = ["--queues", "sync,mail", "--concurrency", "1", "--without-gossip", "--without-mingle", "-n", name]
        command = [sys.executable, "-m", "celery", "-A", "tests.faults.crashing", "worker", *options]
        self.processes.append(Process("worker", command, {**self.environment, **environment}, self.folder))
        return self.processes[-1]

    def refill(self, count: int = 2) -> None:
        """Start workers in the place of those that have died, without waiting for them."""
        self.processes = [worker for worker in self.processes if worker.runs]
        while len(self.processes) < count:
            self.start()

    def ready(self, count: int = 2) -> None:
        """Have so many workers that wait for work."""
        self.refill(count)
        for worker in self.processes:
            worker.wait_for_words(" ready.")
            # What a signal's handler raises Celery only logs: no point would be wrapped, and no fuse would ever burn.
            assert " raised: " not in worker.log, worker.log[-3000:]

    def wake(self) -> None:
        """Let those go on that were stopped."""
        for worker in self.processes:
            worker.send_all(signal.SIGCONT)

    def working_on(self, run: Run) -> Process:
        """Return the worker that has this run."""
        owner = wait_for(lambda: Run.objects.values_list("owner", flat=True).get(pk=run.pk), "a worker takes the run")
        pid = int(owner.rpartition(":")[2])
        return next(worker for worker in self.processes if os.getpgid(pid) == worker.pid)

    def stop(self) -> None:
        for worker in self.processes:
            worker.kill()
        self.processes = []


def clock(folder: Path, environment: Mapping[str, str]) -> Process:
    """Start Celery's beat, which rings for what is due."""
    command = [sys.executable, "-m", "celery", "-A", "tests.faults.crashing", "beat", "--pidfile="]
    return Process("beat", command, environment, folder)


def web(folder: Path, environment: Mapping[str, str], port: int) -> Process:
    """Start the web server and wait until it answers."""
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--no-control-socket"]
    options += ["--worker-class", "console.process.web_worker.Worker", "--threads", "4"]
    command = [sys.executable, "-m", "gunicorn", "tests.faults.crashing_web:application", *options]
    server = Process("web", command, environment, folder)
    wait_for(lambda: accepts(port) or not server.runs, "the web server answers")
    return server


class PostgresServer:
    """A PostgreSQL server of one's own, which may be crashed; it refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "postgresql"
        self._programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
        self._port, self._password = free_port(), secrets.token_hex(8)

    @property
    def settings(self) -> dict[str, object]:
        """Django's settings of a connection to it."""
        engine = {"ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": self._port}
        return engine | {"USER": "rollcall", "PASSWORD": self._password}

    def __enter__(self) -> Self:
        self._folder.mkdir()
        secret = self._folder / "password"
        secret.write_text(self._password)
        if os.geteuid() == 0:
            for path in (self._folder, secret):
                shutil.chown(path, "postgres", "postgres")
            for parent in self._folder.parents:
                parent.chmod(parent.stat().st_mode | 0o011)
        self._do("initdb", "--username", "rollcall", "--pwfile", str(secret), "--auth", "scram-sha-256", "--no-sync")
        self._control("start")
        return self

    def __exit__(self, *exception: object) -> None:
        self._control("stop")

    def restart(self) -> None:
        """Crash it and let it recover."""
        self._control("stop")
        # On a busy machine processes of the old server may still be ending, and the new one does not start beside them.
        wait_for(self._starts, "PostgreSQL starts again", pause=0.5)

    def _starts(self) -> bool:
        try:
            self._control("start")
        except subprocess.CalledProcessError:
            return False
        return True

    def _control(self, what: str) -> None:
        options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder} -c fsync=off"
        )
        how = [] if what == "start" else ["--mode", "immediate"]
        started = [] if what == "stop" else ["--log", str(self._folder / "log"), "--options", options]
        self._do("pg_ctl", what, "--wait", "--silent", *how, *started)

    def _do(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments, "--pgdata", str(self._folder / "data")]
        as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*as_server, *command], check=True, stdout=subprocess.DEVNULL, cwd=self._folder)
