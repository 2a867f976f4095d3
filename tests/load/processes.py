"""Everybody who is at work during a load test: browsers in one process, hands in two more."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TIMEOUT = 120.0


class LoadProcesses:
    """Processes of a load test that go on until told to stop, and what they have left then."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, dict(environment)
        self._stop = folder / "stop"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def stop_file(self) -> str:
        return str(self._stop)

    def send(self, name: str, module: str, job: Mapping[str, Any]) -> None:
        """Start one process with its job."""
        (self._folder / f"{name}.job").write_text(json.dumps({**job, "stop": self.stop_file}))
        command = [sys.executable, "-m", module, str(self._folder / f"{name}.job"), str(self.results(name))]
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def results(self, name: str) -> Path:
        return self._folder / f"{name}.results"

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the whole lines of JSON that a process has written so far."""
        if not self.results(name).exists():
            return []
        written, _, _ = self.results(name).read_text().rpartition("\n")
        return [json.loads(line) for line in written.splitlines()]

    def wait_until(self, name: str, kind: str, count: int) -> None:
        """Wait until a process has written so many rows of one kind."""
        ends = time.monotonic() + TIMEOUT
        while sum(row["kind"] == kind for row in self.rows(name)) < count:
            assert self._processes[name].poll() is None, self._output(name)
            assert time.monotonic() < ends, f"{name} did not come to {count} {kind}: {self._output(name)}"
            time.sleep(0.1)

    def go_home(self) -> None:
        """Have everybody finish what they are at."""
        self._stop.touch()
        for name, process in self._processes.items():
            assert process.wait(TIMEOUT) == 0, self._output(name)

    def leave(self) -> None:
        """End who is still there."""
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(TIMEOUT)

    def _output(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")[-3000:]
