"""Slow, silent and hostile browsers beside ordinary ones: pages stay quick, and the slow ones are hung up on in time."""

from __future__ import annotations

import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from console import health
from console.http.upload_size_limit import MOST_READ
from console.process import services, web_worker
from tests.load.slow import crowd, seconds_of
from tests.server_process import free_port

ROOT = Path(__file__).parents[2]
PAGE = "/sign-in/"


class Web:
    """The web server as ``manage.py serve`` starts it, on an empty console."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, free_port()
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "ROLLCALL_VAR": str(folder),
            "DJANGO_SETTINGS_MODULE": "console.settings",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
        with (folder / "web.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *services.web(host, self.port).command],
                cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        ends = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > ends:
                self.process.kill()
                self.process.wait()
                pytest.fail((folder / "web.log").read_text())
            time.sleep(0.1)

    def answers(self) -> bool:
        with suppress(OSError, AssertionError):
            return self.page("/healthz") < 30
        return False

    def page(self, path: str = PAGE) -> float:
        return seconds_of(self.port, path, host=self.host)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    web = Web(tmp_path_factory.mktemp("var"))
    yield web
    with suppress(ProcessLookupError):
        os.killpg(web.process.pid, signal.SIGKILL)
    web.process.wait(20)


@pytest.mark.parametrize(
    "count", [60, pytest.param(500, marks=pytest.mark.whole), pytest.param(1000, marks=pytest.mark.whole)]
)
def test_pages_stay_quick_beside_slow_browsers(web: Web, count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    web.page()
    with crowd(web.port, count) as slow:
        time.sleep(1)
        times = [web.page() for _ in range(40)]
        health = [web.page("/healthz") for _ in range(10)]
        left = slow.open()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    p95 = statistics.quantiles(times, n=20)[-1]
    print(
        f"{count} slow sockets: median {statistics.median(times) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, {left} open"
    )
    assert left > count * 0.9
    assert p95 < 0.5
    assert max(health) < 0.5


def test_the_server_knows_the_addresses_and_sizes_of_the_console() -> None:
    assert {health.ADDRESS, health.SYNC_ADDRESS} == web_worker.HEALTH
    assert MOST_READ < web_worker.LARGEST_BODY < MOST_READ + 2 * 1024**2


def held(web: Web) -> list[str]:
    """Return the connections that the server holds; the system's own still delivers what has been written to some."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    established, local = "01", f":{web.port:04X}"
    return [line for line in lines if line.split()[1].endswith(local) and line.split()[3] == established]


@pytest.mark.whole
def test_slow_browsers_are_hung_up_on_in_time(web: Web) -> None:
    with crowd(web.port, 40) as slow:
        ends = time.monotonic() + 60
        assert len(held(web)) >= len(slow.connections)
        while held(web) and time.monotonic() < ends:
            time.sleep(0.5)
        left = held(web)

    assert left == []


def test_a_request_that_has_begun_is_answered_when_the_server_stops(tmp_path: Path) -> None:
    web = Web(tmp_path)
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall(
            b"GET /static/vendor/tabler/tabler.min.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        beginning = connection.recv(1000)
        stopping = threading.Thread(target=web.stop)
        stopping.start()
        rest = b""
        while piece := connection.recv(65536):
            rest += piece
        stopping.join()
    head, _, body = (beginning + rest).partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )

    assert len(body) == length
    assert web.process.returncode == 0


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address_is_served(tmp_path: Path) -> None:
    web = Web(tmp_path, "::1")

    assert web.page() < 30
    assert web.stop() == 0
