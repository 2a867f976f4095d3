"""Processes of a console that are measured as ``serve`` starts them: the store with its memory, and the web server."""

from __future__ import annotations

import re
import subprocess
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from console.process import services
from console.process.supervision import Service
from tests.bench.console import Console
from tests.bench.machine import ROOT
from tests.bench.measuring import CommandFailed, descendants

LOOK_EVERY = 0.2
STARTS_WITHIN = 120
# The share of each process in pages that several have; their sum is what the machine has less.
PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class MeasuredService:
    """A service of a console that answers at a port; ``peak`` is the most memory that it had, in bytes."""

    def __init__(self, console: Console, service: Service, port: int, settings: str) -> None:
        self.port = port
        self.peak = 0
        self._service = service
        self._environment = {**console.environment, "DJANGO_SETTINGS_MODULE": settings}
        self._log = console.folder / f"{service.name}.log"
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._service.command, env=self._environment, cwd=ROOT, stdout=output, stderr=output
            )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._process.terminate()
        self._process.wait()
        self._watcher.join()

    def _wait(self) -> None:
        ends = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < ends and self._process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=10):
                return
            time.sleep(0.1)
        raise CommandFailed(f"{self._service.name} did not start: {self._log.read_text()[-2000:]}")

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            processes = {self._process.pid, *descendants(self._process.pid)}
            self.peak = max(self.peak, sum(map(_share_of, processes)))


class MeasuredStore(MeasuredService):
    """The store of a console."""

    def __init__(self, console: Console) -> None:
        port = services.free_port()
        super().__init__(console, services.store(services.LOOPBACK, port), port, "console.store.settings")
        self.archives = console.folder / "var" / "archives"

    def address(self, guid: str, token: str) -> str:
        """Return the address of a device's repository for restic."""
        return f"rest:http://{guid}:{token}@127.0.0.1:{self.port}/backup/{guid}/"


def measured_web(console: Console) -> MeasuredService:
    """Return the web server of a console."""
    port = services.free_port()
    return MeasuredService(console, services.web(services.LOOPBACK, port), port, "console.settings")


def _share_of(pid: int) -> int:
    with suppress(OSError):
        found = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0
