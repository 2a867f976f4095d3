"""All of Rollcall as ``manage.py serve`` runs it, on a full disk, with a killed worker, and started again after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from directory.scheduling import supervised_processes
from tests.server_process import free_port, start_process

ROOT = Path(__file__).parents[2]
TIMEOUT = 60.0
# serve starts with its data folder on its own file system, so that only what it writes meets the end of it.
SPACE = "300m"


def wait_for(what: Callable[[], object], what_for: str, *, seconds: float = TIMEOUT) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, f"waited {seconds:.0f} s in vain: {what_for}"
        time.sleep(0.1)


class Served:
    """A ``manage.py serve`` with a data folder of its own, and how it is from outside."""

    def __init__(self, folder: Path, *, demo: bool = False) -> None:
        self.folder, self.port = folder, free_port()
        self.output = folder.with_name("serve.log")
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "ROLLCALL_VAR": str(folder),
            "PORT": str(self.port),
            "STORE_PORT": str(free_port()),
            "DEMO": "1" if demo else "0",
        }
        self._manage("migrate", "-v", "0")
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            self.process = start_process(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip
        wait_for(lambda: self.answers("/healthz/sync") == 200 or self.process.poll() is not None, "serve starts")
        assert self.process.poll() is None, self.log
        # It says so once every process has answered: only from then on what ends is started again.
        wait_for(lambda: self.log.count("Ctrl-C stops it") > 0, self.log)
        return self.process

    def _manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def status(self) -> str:
        return self._manage("status")

    @property
    def log(self) -> str:
        return self.output.read_text(errors="replace")

    def answers(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def pids(self) -> dict[str, int]:
        report = supervised_processes.read(self.folder)
        return {each.name: each.pid for each in report.processes} if report else {}

    def all_of_it(self) -> list[int]:
        """Return every process whose environment names this data folder."""
        mark = f"ROLLCALL_VAR={self.folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "var"
    folder.mkdir(mode=0o700)
    served = Served(folder)
    try:
        yield served
    finally:
        for pid in served.all_of_it():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        served.process.wait(20)


@pytest.mark.whole
def test_a_killed_worker_is_started_again_and_the_status_says_so(served: Served) -> None:
    before = served.pids()

    os.kill(before["mail"], signal.SIGKILL)
    wait_for(lambda: served.pids().get("mail") not in {0, None, before["mail"]}, "mail is started again")
    os.kill(before["web"], signal.SIGKILL)
    wait_for(lambda: served.pids().get("web") not in {0, None, before["web"]}, "web is started again")
    wait_for(lambda: served.answers("/healthz") == 200, "pages come back")

    assert served.process.poll() is None
    assert "Process mail: It ended once in the last hour, with exit status -9." in served.status()
    assert served.pids()["worker"] == before["worker"]
    assert served.stop() == 0
    assert served.all_of_it() == []


@pytest.mark.whole
def test_a_killed_supervisor_is_in_nobodys_way(served: Served) -> None:
    served.process.kill()
    served.process.wait(10)

    served.start()

    assert "already running" not in served.log
    assert served.stop() == 0
    assert served.all_of_it() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SPACE},mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


@pytest.mark.whole
def test_a_full_disk_stops_nothing_and_term_still_ends_it(small_disk: Path) -> None:
    served = Served(small_disk)
    try:
        before = served.pids()
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 65536):
                pass
        # Long enough for each to have something to say, and for the clock to ring.
        ends = time.monotonic() + 15
        while time.monotonic() < ends:
            served.answers("/sign-in/")
            served.answers("/nowhere/")
            time.sleep(0.5)

        assert served.process.poll() is None, served.log
        # It answers; whether SQLite still does on a full disk is another matter, and said.
        assert served.answers("/healthz") in {200, 503}
        assert served.answers("/healthz/sync") == 503
        filler.unlink()
        wait_for(lambda: "disk ok" in _sync_health(served), "there is room again")
        wait_for(lambda: served.answers("/healthz") == 200, "pages work")
        # Redis may have been started again; the others never ended.
        assert {name: served.pids()[name] for name in ("web", "store", "worker", "mail", "beat")} == {
            name: before[name] for name in ("web", "store", "worker", "mail", "beat")
        }
        assert served.stop() == 0
        assert served.all_of_it() == []
        served.start()
        assert served.stop() == 0
    finally:
        for pid in served.all_of_it():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        served.process.wait(20)


def _sync_health(served: Served) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/healthz/sync", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


@pytest.mark.whole
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_disk_that_is_full_to_the_end_keeps_nobody_from_ending_it(small_disk: Path, by: signal.Signals) -> None:
    served = Served(small_disk)
    try:
        with (small_disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 65536):
                pass
        time.sleep(3)
        served.process.send_signal(by)

        assert served.process.wait(40) == 0, served.log
        assert served.all_of_it() == []
    finally:
        for pid in served.all_of_it():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
