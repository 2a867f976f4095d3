"""Starts the store of a test as it is in earnest, on the test's database and a folder of its own."""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from console.process import services
from tests.browser.conftest import database_url
from tests.faults.processes import children_of, wait_for
from tests.settings import FOLDER

if TYPE_CHECKING:
    from tests.backups import BackingUp


@dataclass(frozen=True, slots=True)
class Reply:
    """What the store answered."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(slots=True)
class StoreServer:
    """A running store."""

    port: int
    environment: Mapping[str, str]
    log: Path
    archives: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def request(
        self,
        device: BackingUp | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        chunked: bool = False,
        **headers: str,
    ) -> Reply:
        """Send one request as restic does; ``path`` is below the device's repository, or begins with a slash."""
        address = path if path.startswith("/") or device is None else f"/backup/{device.guid}/{path}"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if device is not None:
            given.setdefault("Authorization", basic(device))
        if isinstance(body, bytes) and not chunked:
            given.setdefault("Content-Length", str(len(body)))
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            asking.request(method, address, body, given, encode_chunked=chunked)
            answer = asking.getresponse()
            return Reply(answer.status, answer.reason, dict(answer.getheaders()), answer.read())
        finally:
            asking.close()

    def folder(self, device: BackingUp) -> Path:
        """Return the folder of a device's repository."""
        return self.archives / device.guid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        service = services.store(services.LOOPBACK, self.port)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                service.command, env=dict(self.environment), stdout=output, stderr=subprocess.STDOUT
            )
        _wait_for(self)

    def kill(self) -> None:
        """End all its processes, as a power cut would."""
        workers = children_of(self.process.pid)
        self.process.kill()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(20)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "all processes have ended")

    def kill_a_worker(self) -> None:
        """End one of the processes that answer; the one above them starts another."""
        os.kill(children_of(self.process.pid)[0], signal.SIGKILL)

    def url(self, device: BackingUp) -> str:
        """Return the repository's address for restic, with the token."""
        return f"rest:http://{device.guid}:{device.token}@127.0.0.1:{self.port}/backup/{device.guid}/"


def basic(device: BackingUp) -> str:
    """Return the header that carries the device's token."""
    return "Basic " + base64.b64encode(f"{device.guid}:{device.token}".encode()).decode()


@contextmanager
def running_store(**environment: str) -> Iterator[StoreServer]:
    """Run a store until the end of the block."""
    port = services.free_port()
    whole = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "console.store.settings",
        "DATABASE_URL": database_url(),
        **environment,
    }
    archives = Path(environment.get("ARCHIVES", settings.ARCHIVES))
    server = StoreServer(port, whole, FOLDER / f"store-{port}.log", archives)
    try:
        server.start()
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
        # Tests that come later have other archives in the same data folder.
        shutil.rmtree(settings.ARCHIVES, ignore_errors=True)


def _wait_for(server: StoreServer) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        assert server.process.poll() is None, server.log.read_text()
        try:
            if server.request(None, "GET", "/healthz").status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(server.log.read_text())
