"""Supervises Rollcall's processes: each has a log, restarts after it ends, and is stopped at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from console.process.process_logs import ProcessLog
from directory.scheduling import supervised_processes
from directory.scheduling.supervised_processes import Report, Supervised

# Wait 1 s, 2 s, 4 s ... and at most a minute before a restart; only recent ends count.
LONGEST_PAUSE = 60.0
COUNTED = timedelta(minutes=10)
KEPT = timedelta(hours=1)
# A process that ends more often than this within that time is not restarted for as long; the others go on.
MOST_ENDS = 10
# The time for processes to end by themselves before they are killed.
STOP_WITHIN = 12.0
_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Service:
    """One process that runs as long as Rollcall does; stop ``last`` after the others, which need it until their end."""

    name: str
    command: tuple[str, ...]
    last: bool = False


class ProcessDied(Exception):
    """A process ended before all had started, so all were stopped."""


@dataclass(slots=True)
class _Running:
    """A service with its present process, if any, and the times of its latest ends."""

    service: Service
    environment: Mapping[str, str]
    log: ProcessLog
    process: subprocess.Popen[bytes] | None = None
    started: str = ""
    ended: list[datetime] = field(default_factory=list)
    status: int = 0
    next_start: datetime | None = None

    def start(self) -> None:
        """Start the process; a failed start counts as an end."""
        self.next_start = None
        command = ["setpriv", "--pdeathsig", "TERM", *self.service.command]
        try:
            # A separate session: Ctrl-C reaches only the supervisor, which stops the processes in order.
            self.process = subprocess.Popen(
                command, env=dict(self.environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self.log.write(f"could not be started: {error}\n".encode())
            self._count(1)
            return
        self.started = start_time(self.process.pid)
        self.log.follow(self.process.stdout)

    def look(self) -> bool:
        """Return whether the process has just ended; if so, schedule its restart."""
        if self.process is None or (status := self.process.poll()) is None:
            return False
        # Kill its children, which could hinder the next process.
        self.signal(signal.SIGKILL, all_of_it=True)
        self.process = None
        self._count(status)
        return True

    def _count(self, status: int) -> None:
        now = datetime.now(UTC)
        self.status = status
        self.ended = [*(at for at in self.ended if now - at < KEPT), now]
        recent_ends = sum(now - at < COUNTED for at in self.ended)
        pause = timedelta(seconds=min(2.0 ** (recent_ends - 1), LONGEST_PAUSE))
        self.next_start = now + (COUNTED if recent_ends > MOST_ENDS else pause)

    def signal(self, number: signal.Signals, *, all_of_it: bool = False) -> None:
        """Send a signal to the process, or with ``all_of_it`` to its whole process group."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                (os.killpg if all_of_it else os.kill)(self.process.pid, number)

    def report(self) -> Supervised:
        """Return the state of the process."""
        pid = self.process.pid if self.process else 0
        return Supervised(
            self.service.name, pid, self.started if pid else "", tuple(self.ended), self.status, self.next_start
        )


class Supervisor:
    """Starts all processes, restarts those that end, and stops all at its own end."""

    def __init__(self, logs: Path, started: Callable[[], None]) -> None:
        self._logs = logs
        self._started = started
        self._all: list[_Running] = []
        self._wake = threading.Event()
        self._signals = 0
        self._up = False
        self._reported = 0.0

    def add(self, service: Service, environment: Mapping[str, str]) -> None:
        """Add a process; ``run`` starts it."""
        self._all.append(_Running(service, environment, ProcessLog(self._logs / f"{service.name}.log")))

    def run(self) -> None:
        """Run all processes until a signal to stop; all have ended at the return.

        Raises:
            ProcessDied: when a process ended before ``up``; the message names the process and its log.
        """
        with self._listening():
            try:
                for running in self._all:
                    running.start()
                threading.Thread(target=self._started, daemon=True).start()
                self._watch()
            finally:
                self._stop()

    def up(self) -> None:
        """Mark all processes as started: from now on, those that end are restarted."""
        self._up = True

    def terminate(self) -> None:
        """Ask all processes to stop."""
        self._signals += 1
        self._wake.set()

    def _watch(self) -> None:
        while not self._signals:
            ended = [running for running in self._all if running.look()]
            if ended and not self._up:
                first = ended[0]
                raise ProcessDied(f"{first.service.name} ended (exit status {first.status}): see {first.log.path}")
            now = datetime.now(UTC)
            due = [running for running in self._all if running.next_start and running.next_start <= now]
            for running in due:
                running.start()
            self._report(at_once=bool(ended or due))
            self._wake.wait(_LOOK)

    def _report(self, *, at_once: bool) -> None:
        if at_once or time.monotonic() - self._reported > supervised_processes.EVERY.total_seconds():
            self._reported = time.monotonic()
            # The disk is full: go on without the report.
            with suppress(OSError):
                supervised_processes.write(
                    self._logs.parent, Report(datetime.now(UTC), tuple(running.report() for running in self._all))
                )

    def _stop(self) -> None:
        for last in (False, True):
            stopping = [running for running in self._all if running.service.last is last]
            for running in stopping:
                running.signal(signal.SIGTERM)
            self._wait_for(stopping)
            for running in stopping:
                # Kill children of the process too.
                running.signal(signal.SIGKILL, all_of_it=True)
                if running.process is not None:
                    with suppress(subprocess.TimeoutExpired):
                        running.process.wait(STOP_WITHIN)
                running.log.close()
        with suppress(OSError):
            supervised_processes.forget(self._logs.parent)

    def _wait_for(self, stopping: list[_Running]) -> None:
        ends, signals_before = time.monotonic() + STOP_WITHIN, self._signals
        # A second Ctrl-C ends the waiting.
        while time.monotonic() < ends and self._signals <= max(signals_before, 1):
            if all(running.process is None or running.process.poll() is not None for running in stopping):
                return
            time.sleep(0.05)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self.terminate()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def start_time(pid: int) -> str:
    """Return the start time of a process in the kernel's unit; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def end_leftovers(folder: Path) -> list[str]:
    """End processes that a killed supervisor has left running with this data folder; return their names."""
    report = supervised_processes.read(folder)
    leftovers = [process for process in report.processes if _runs(process)] if report else []
    for number, seconds in ((signal.SIGTERM, STOP_WITHIN), (signal.SIGKILL, STOP_WITHIN)):
        for process in filter(_runs, leftovers):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        ends = time.monotonic() + seconds
        while any(map(_runs, leftovers)) and time.monotonic() < ends:
            time.sleep(0.05)
    with suppress(OSError):
        supervised_processes.forget(folder)
    return [process.name for process in leftovers]


def _runs(process: Supervised) -> bool:
    return (
        bool(process.pid and process.started)
        and start_time(process.pid) == process.started
        and not _is_zombie(process.pid)
    )


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return True
