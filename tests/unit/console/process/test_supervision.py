"""Processes that run side by side: real ones, as this is about what the system does with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest

from console.process import process_logs, supervision
from console.process.process_logs import ProcessLog
from console.process.supervision import ProcessDied, Service, Supervisor
from directory.scheduling import supervised_processes
from directory.scheduling.supervised_processes import Report, Supervised

SUPERVISE = """
import os, sys
from pathlib import Path
from console.process.supervision import Service, Supervisor
folder = Path(sys.argv[1])
logs = folder / "log"
logs.mkdir(exist_ok=True)
def started():
    supervisor.up()
    (folder / "started").touch()
supervisor = Supervisor(logs, started)
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


def state_of(folder: Path, name: str) -> Supervised:
    report = supervised_processes.read(folder)
    assert report is not None
    return next(each for each in report.processes if each.name == name)


@pytest.fixture
def supervisor(tmp_path: Path) -> subprocess.Popen[bytes]:
    started = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)])
    wait_until((tmp_path / "started").exists)
    wait_until(lambda: all((tmp_path / "log" / f"{name}.log").exists() for name in ("web", "worker")))
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

        assert (tmp_path / "log" / "web.log").read_text() == "hello from web\n"
        assert (tmp_path / "log" / "worker.log").read_text() == "hello from worker\n"

    def test_stops_at_once_when_asked_while_still_starting(self, tmp_path: Path) -> None:
        starting = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(tmp_path)])
        wait_until((tmp_path / "web.pid").exists)

        starting.terminate()

        assert starting.wait(10) == 0

    def test_stops_the_others_and_names_the_one_that_died_before_all_had_started(self, tmp_path: Path) -> None:
        supervisor = Supervisor(tmp_path / "log", lambda: None)
        supervisor.add(Service("web", ("sleep", "60")), os.environ)
        supervisor.add(Service("worker", ("sh", "-c", "echo no broker; exit 3")), os.environ)
        began = time.monotonic()

        with pytest.raises(ProcessDied, match=rf"^worker ended \(exit status 3\): see {tmp_path}/log/worker.log$"):
            supervisor.run()

        assert time.monotonic() - began < 10
        assert (tmp_path / "log" / "worker.log").read_text() == "no broker\n"

    def test_kills_what_does_not_stop_when_asked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supervision, "STOP_WITHIN", 1.0)
        deaf = "trap '' TERM INT; echo ready; sleep 60 & wait; sleep 60"
        stubborn = Supervisor(tmp_path / "log", lambda: None)
        stubborn.add(Service("worker", ("sh", "-c", deaf)), os.environ)
        log = tmp_path / "log" / "worker.log"

        def stop() -> None:
            wait_until(log.exists)
            stubborn.terminate()

        threading.Thread(target=stop).start()
        began = time.monotonic()

        stubborn.run()

        assert 1 <= time.monotonic() - began < 8

    def test_starts_again_what_was_killed_and_says_so(
        self, tmp_path: Path, supervisor: subprocess.Popen[bytes]
    ) -> None:
        web, worker = pids(tmp_path)

        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: pids(tmp_path)[1] != worker)
        wait_until(lambda: state_of(tmp_path, "worker").pid == pids(tmp_path)[1])

        assert supervisor.poll() is None
        assert pids(tmp_path)[0] == web
        assert (len(state_of(tmp_path, "worker").ended), state_of(tmp_path, "worker").status) == (1, -9)
        assert state_of(tmp_path, "web").ended == ()
        supervisor.terminate()
        assert supervisor.wait(10) == 0
        assert supervised_processes.read(tmp_path) is None

    def test_waits_longer_each_time_and_in_the_end_leaves_it_alone(self, tmp_path: Path) -> None:
        each = supervision._Running(Service("mail", ("false",)), os.environ, ProcessLog(tmp_path / "mail.log"))
        pauses = []
        for _ in range(supervision.MOST_ENDS + 1):
            each._count(1)
            assert each.next_start is not None
            pauses.append(round((each.next_start - each.ended[-1]).total_seconds()))

        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 600]
        # Ends of long ago count no more, though they are still told of.
        each.ended = [at - supervision.COUNTED for at in each.ended]
        each._count(1)
        assert len(each.ended) == supervision.MOST_ENDS + 2
        assert each.next_start == each.ended[-1] + timedelta(seconds=1)

    def test_that_is_killed_leaves_nothing_that_the_next_start_meets(
        self, tmp_path: Path, supervisor: subprocess.Popen[bytes]
    ) -> None:
        left = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 60 & wait; sleep 60"], start_new_session=True)
        wait_until(lambda: b"trap" in Path(f"/proc/{left.pid}/cmdline").read_bytes())
        supervisor.kill()
        supervisor.wait(10)
        stranger = Supervised("clock", os.getpid(), "1")
        worker = Supervised("worker", left.pid, supervision.start_time(left.pid))
        supervised_processes.write(tmp_path, Report(datetime.now(UTC), (worker, stranger)))

        with mock.patch.object(supervision, "STOP_WITHIN", 1.0):
            assert supervision.end_leftovers(tmp_path) == ["worker"]

        assert left.wait(5) == -signal.SIGKILL
        assert supervised_processes.read(tmp_path) is None


FULL = "/dev/full"


class TestALog:
    def test_of_a_full_disk_drops_lines_and_stops_nobody(self, tmp_path: Path) -> None:
        with closing(ProcessLog(tmp_path / "web.log")) as log:
            (tmp_path / "web.log").symlink_to(FULL)
            log.write(b"lost\n")
            (tmp_path / "web.log").unlink()
            log.write(b"kept\n")

        assert (tmp_path / "web.log").read_bytes() == b"kept\n"

    def test_goes_on_in_a_new_file_when_the_old_one_was_moved_away(self, tmp_path: Path) -> None:
        with closing(ProcessLog(tmp_path / "web.log")) as log:
            log.write(b"one\n")
            (tmp_path / "web.log").rename(tmp_path / "web.log.2026")
            log.write(b"two\n")

        assert (tmp_path / "web.log").read_bytes() == b"two\n"
        assert (tmp_path / "web.log.2026").read_bytes() == b"one\n"

    def test_that_nobody_rotates_does_not_grow_without_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(process_logs, "LARGEST", 100)
        with closing(ProcessLog(tmp_path / "web.log")) as log:
            for _ in range(100):
                log.write(b"ten bytes\n")

        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 230

    def test_of_an_earlier_start_is_put_aside(self, tmp_path: Path) -> None:
        (tmp_path / "web.log").write_text("before\n")
        with closing(ProcessLog(tmp_path / "web.log")) as log:
            log.write(b"now\n")

        assert (tmp_path / "web.log.1").read_text() == "before\n"
        assert (tmp_path / "web.log").read_text() == "now\n"
