"""Runs Rollcall's processes side by side: a log for each, all stop together, none is left behind."""

from __future__ import annotations

import ctypes
import re
import shlex
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Message
from honcho.process import Process

_PR_SET_PDEATHSIG = 1
_STARTED = re.compile(r"(?P<name>\S+) started \(pid=\d+\)")
_STOPPED = re.compile(r"(?P<name>\S+) stopped \(rc=(?P<status>-?\d+)\)")


@dataclass(frozen=True, slots=True)
class Service:
    """One process that runs as long as Rollcall does."""

    name: str
    command: tuple[str, ...]


class ProcessDied(Exception):
    """A process ended by itself, and so all were stopped."""


class Attached(Process):  # type: ignore[misc]  # honcho has no types
    """A process that ends when its supervisor is killed outright."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:  # noqa: FBT001, FBT002  # honcho's own
        """Start the process and pass its output on until it ends."""
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        super().run(events, ignore_signals)


class Logs:
    """Where honcho's messages go: the processes' lines to a file each, its own reports to whoever listens."""

    width = 0

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder = folder
        self._report = report
        self._files: dict[str, BinaryIO] = {}

    def file_of(self, name: str) -> Path:
        """Return the log of a process."""
        return self.folder / f"{name}.log"

    def write(self, message: Message) -> None:
        """Take one message from honcho."""
        if message.name == SYSTEM_PRINTER_NAME:
            self._report(message.data)
        else:
            file = self._open(message.name)
            file.write(message.data)
            file.flush()

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()

    def _open(self, name: str) -> BinaryIO:
        if name not in self._files:
            path = self.file_of(name)
            if path.exists():
                path.replace(path.with_name(f"{path.name}.1"))
            self._files[name] = path.open("wb")
        return self._files[name]


class Supervisor(Manager):  # type: ignore[misc]  # honcho has no types
    """Honcho's manager, which also says when everything has started, and which process ended the rest."""

    def __init__(self, logs: Path, started: Callable[[], None]) -> None:
        self.logs = Logs(logs, self._reported)
        super().__init__(printer=self.logs)
        self._process_ctor = Attached
        self._started = started
        self._waiting_for: set[str] = set()
        self._stopping = False
        self._died = ""

    def add(self, service: Service, environment: Mapping[str, str]) -> None:
        """Add a process; nothing runs before ``run``."""
        command = shlex.join(["setpriv", "--pdeathsig", "TERM", *service.command])
        self.add_process(service.name, f"exec {command}", env=dict(environment))
        self._waiting_for.add(service.name)

    def run(self) -> None:
        """Run all processes until one ends or a signal asks them to stop; when this returns all have ended.

        Raises:
            ProcessDied: when a process ended by itself; says which one, and where its log is.
        """
        try:
            self.loop()
        finally:
            self.logs.close()
        if self._died:
            raise ProcessDied(self._died)

    def terminate(self) -> None:
        """Ask all processes to stop; honcho can only do so once all have started, so that is waited for."""
        self._stopping = True
        if not self._waiting_for:
            super().terminate()

    def _reported(self, report: str) -> None:
        if found := _STARTED.match(report):
            self._waiting_for.discard(found["name"])
            self._everything_started()
        elif (found := _STOPPED.match(report)) and not self._stopping:
            self._stopping = True
            self._died = (
                f"{found['name']} ended (exit status {found['status']}): see {self.logs.file_of(found['name'])}"
            )

    def _everything_started(self) -> None:
        if self._waiting_for:
            return
        if self._stopping:
            super().terminate()
        else:
            threading.Thread(target=self._started, daemon=True).start()
