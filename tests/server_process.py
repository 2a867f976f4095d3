"""A server as a test's own process: with a folder and ports of its own, and ended with the test, whatever ends that."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

# The ports that are free may be taken by others before the server takes them.
TRIES = 5
STARTS_WITHIN = 30
ENDS_WITHIN = 20
LOOKS_EVERY = 0.01
_STARTER = ThreadPoolExecutor(1, "starts servers")


class ServerProcess:
    """One server; ``start`` it, or use it as a context manager.

    A subclass names its ``program``, fills the folder, chooses ports and gives the command.
    """

    program: ClassVar[str]

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process, f"{self.program} is not running"
        return self._process.pid

    def has_ended(self) -> bool:
        """Return whether the server has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start the server and wait until it answers; the data of an earlier start are still there."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"{self.program}-"))
            try:
                self._fill_folder()
            except BaseException:
                self.stop()
                raise
        for _ in range(TRIES):
            if self._launch(self._folder):
                return
        words = self._words(self._folder)
        self.stop()
        raise RuntimeError(f"{self.program} does not start: {words}")

    def stop(self, *, remove: bool = True) -> None:
        self._end(signal.SIGTERM)
        if remove and self._folder:
            shutil.rmtree(self._folder)
            self._folder = None

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._end(signal.SIGKILL)

    def _fill_folder(self) -> None:
        """Write what the server needs for its first start."""
        raise NotImplementedError

    def _choose_ports(self) -> Sequence[int]:
        """Choose ports, and return on which of them it has to answer."""
        raise NotImplementedError

    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _environment(self) -> Mapping[str, str]:
        """Return what the server finds in its environment besides."""
        return {}

    def _words(self, folder: Path) -> str:
        """Return what the server has written."""
        return (folder / "output").read_text(errors="replace")

    def _launch(self, folder: Path) -> bool:
        ports = self._choose_ports()
        with (folder / "output").open("wb") as output:
            self._process = process = start_process(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self._environment()},
                start_new_session=True,
            )
        ends = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < ends and process.poll() is None:
            if all(map(accepts, ports)):
                return True
            time.sleep(LOOKS_EVERY)
        self._end(signal.SIGKILL)
        return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        # Children of its own end with it.
        self._process.send_signal(number)
        try:
            self._process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(ENDS_WITHIN)
        self._process = None


def start_process(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that the kernel ends when this one ends, even if that is killed; ``options`` are Popen's.

    The kernel ends it when the thread ends that has started it (prctl(2), PR_SET_PDEATHSIG), so that this is always the same
    thread, whoever asks.
    """

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], **options)

    return _STARTER.submit(start).result()


def free_port() -> int:
    """Return a port of the loopback address that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Return whether somebody listens on this port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
