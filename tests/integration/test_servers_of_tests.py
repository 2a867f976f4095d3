"""Servers that tests start: they end with the process that started them, even if that one is killed, and no earlier."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.directories import Directory

ROOT = Path(__file__).resolve().parents[2]
STARTS_A_SERVER = """
import sys, time
from importlib import import_module
server = getattr(import_module(sys.argv[1]), sys.argv[2])()
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@contextmanager
def started_elsewhere(module: str, name: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Give a process that has started a server, and the id of that one."""
    command = [sys.executable, "-c", STARTS_A_SERVER, module, name]
    # Whoever is killed leaves files behind.
    with tempfile.TemporaryDirectory(prefix="left-") as files:
        environment = {**os.environ, "TMPDIR": files}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as starter:
            assert starter.stdout
            try:
                yield starter, int(starter.stdout.readline())
            finally:
                starter.kill()


def session(leader: int) -> set[str]:
    """Return the commands of the processes that live in the session of a server."""
    listed = subprocess.run(["ps", "-o", "stat=,comm=", "-s", str(leader)], capture_output=True, text=True, check=False)
    lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
    return {name for state, name in lines if not state.startswith("Z")}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param("tests.directories", "Directory", id="slapd"),
        pytest.param("tests.netscape", "Instance", id="389-ds", marks=pytest.mark.directories),
        pytest.param("tests.samba", "Controller", id="Samba", marks=pytest.mark.directories),
    ],
)
def test_a_server_ends_with_the_process_that_started_it(module: str, name: str) -> None:
    with started_elsewhere(module, name) as (starter, pid):
        assert session(pid)
        assert os.getsid(pid) != os.getsid(starter.pid)

        starter.send_signal(signal.SIGKILL)
        starter.wait(10)

        ends = time.monotonic() + 10
        while time.monotonic() < ends and session(pid):
            time.sleep(0.05)
        assert not session(pid)


def test_a_server_outlives_the_thread_that_started_it() -> None:
    directory = Directory()
    starting = threading.Thread(target=directory.start)
    starting.start()
    starting.join()
    try:
        time.sleep(0.1)

        assert not directory.has_ended()
    finally:
        directory.stop()
