"""Processes that run side by side: real ones, as this is about what the system does with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.processes import ProcessDied, Service, Supervisor

SUPERVISE = """
import os, sys
from pathlib import Path
from console.processes import Service, Supervisor
folder = Path(sys.argv[1])
supervisor = Supervisor(folder, lambda: (folder / "started").touch())
for name in ("web", "worker"):
    supervisor.add(Service(name, ("sh", "-c", f"echo $$ > {folder}/{name}.pid; echo hello from {name}; exec sleep 60")), os.environ)
supervisor.run()
"""


def wait_until(happened: object, seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if happened():  # type: ignore[operator]
            return
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def pids(folder: Path) -> list[int]:
    return [int((folder / f"{name}.pid").read_text()) for name in ("web", "worker")]


@pytest.fixture
def supervisor(tmp_path: Path) -> subprocess.Popen[bytes]:
    started = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)])
    wait_until((tmp_path / "started").exists)
    wait_until(lambda: all((tmp_path / f"{name}.log").exists() for name in ("web", "worker")))
    return started


class TestTheSupervisor:
    @pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
    def test_leaves_nothing_behind_when_asked_to_stop(
        self, tmp_path: Path, supervisor: subprocess.Popen[bytes], by: signal.Signals
    ) -> None:
        running = pids(tmp_path)

        supervisor.send_signal(by)

        assert supervisor.wait(10) == 0
        assert not any(alive(pid) for pid in running)

    def test_leaves_nothing_behind_when_killed(self, tmp_path: Path, supervisor: subprocess.Popen[bytes]) -> None:
        running = pids(tmp_path)

        supervisor.kill()
        supervisor.wait(10)

        wait_until(lambda: not any(alive(pid) for pid in running))

    def test_keeps_a_log_of_each_process(self, tmp_path: Path, supervisor: subprocess.Popen[bytes]) -> None:
        supervisor.terminate()
        supervisor.wait(10)

        assert (tmp_path / "web.log").read_text() == "hello from web\n"
        assert (tmp_path / "worker.log").read_text() == "hello from worker\n"

    def test_stops_at_once_when_asked_while_still_starting(self, tmp_path: Path) -> None:
        starting = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)])
        wait_until((tmp_path / "web.pid").exists)

        starting.terminate()

        assert starting.wait(10) == 0

    def test_stops_the_others_and_names_the_one_that_died(self, tmp_path: Path) -> None:
        supervisor = Supervisor(tmp_path, lambda: None)
        supervisor.add(Service("web", ("sleep", "60")), os.environ)
        supervisor.add(Service("worker", ("sh", "-c", "echo no broker; exit 3")), os.environ)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        began = time.monotonic()

        try:
            with pytest.raises(ProcessDied, match=rf"^worker ended \(exit status 3\): see {tmp_path}/worker.log$"):
                supervisor.run()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

        assert time.monotonic() - began < 10
        assert (tmp_path / "worker.log").read_text() == "no broker\n"
