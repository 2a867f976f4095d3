"""One child process: started, asked within limits of time and size, and ended; how it died is told as ``ChildDied``."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from directory.sync.sandbox.layers import Layer, demand, read_layers
from directory.sync.sandbox.limits import MEMORY_MESSAGE, SandboxBroken, SandboxLimits

CHILD = Path(__file__).with_name("child.py")
OUT_OF_MEMORY = 77
STARTS = 3
# As in child.py: the length of an answer, the computing time in seconds, and the most memory so far in KB.
HEADER = struct.Struct("<IdI")


class ChildDied(Exception):
    """The child ended without an answer; ``certain`` when the request, and nothing outside, is to blame."""

    def __init__(self, message: str, *, certain: bool = False) -> None:
        super().__init__(message)
        self.certain = certain


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it came; ``large`` when the child has taken so much memory that another one had better go on."""

    body: bytes
    cpu_seconds: float = 0.0
    large: bool = False


class Child:
    """A running child; any failure to answer ends it."""

    def __init__(self, limits: SandboxLimits) -> None:
        self._limits = limits
        self._memory_at_start = 0
        self._process, greeting = self._start()
        self.layers: tuple[Layer, ...] = self._accepted(greeting)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, command: bytes, data: bytes = b"", meanwhile: Callable[[], None] = lambda: None) -> Reply:
        """Send one request, do something else while the child works, and return the answer; raises ChildDied."""
        self.send(command, data)
        meanwhile()
        return self.receive()

    def send(self, command: bytes, data: bytes = b"") -> None:
        """Send one request without waiting for its answer; raises ChildDied."""
        deadline = time.monotonic() + self._limits.wall_seconds
        with self._deaths():
            self._send(struct.pack("<I", len(data) + 1) + command + data, deadline)

    def receive(self) -> Reply:
        """Return the answer to the first request that has none yet; raises ChildDied."""
        with self._deaths():
            return self._receive(time.monotonic() + self._limits.wall_seconds)

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _start(self) -> tuple[subprocess.Popen[bytes], bytes]:
        limits = self._limits
        arguments = [str(limits.cpu_seconds_per_entry), str(limits.memory_bytes), str(os.getpid())]
        reason = ""
        for _ in range(STARTS):
            try:
                # -I and the empty environment keep our settings and secrets out of the child.
                self._process = subprocess.Popen(
                    [sys.executable, "-I", str(CHILD), *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    env={},
                    cwd="/",
                    close_fds=True,
                )
            except OSError as error:
                raise SandboxBroken(f"The script sandbox cannot be started: {error}") from error
            for fd in self._pipes():
                os.set_blocking(fd, False)
            try:
                greeting = self._receive(time.monotonic() + limits.wall_seconds)
            except (OSError, TimeoutExpired, AnswerTooLong):
                reason = self._last_words()
                self.close()
            else:
                return self._process, greeting.body
        raise SandboxBroken(f"The script sandbox cannot be started: {reason}")

    def _accepted(self, greeting: bytes) -> tuple[Layer, ...]:
        try:
            layers = read_layers(greeting)
            demand(layers, allow_weak=self._limits.allow_weak)
        except ValueError as error:
            self.close()
            raise SandboxBroken(f"The script sandbox cannot be started: it says no layers ({error})") from error
        except SandboxBroken:
            self.close()
            raise
        return layers

    @contextmanager
    def _deaths(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._death() from error
        except TimeoutExpired as error:
            self.close()
            raise ChildDied(f"gave no answer within {self._limits.wall_seconds:g} seconds and was stopped") from error
        except AnswerTooLong as error:
            self.close()
            raise ChildDied("gave an answer that is too long") from error

    def _last_words(self) -> str:
        self._process.kill()
        status = self._process.wait()
        lines = self._process.stderr.read().decode(errors="replace").split("\n") if self._process.stderr else []
        return next((line for line in reversed(lines) if line.strip()), f"it ended with status {status}")

    def _pipes(self) -> tuple[int, int]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise SandboxBroken("The script sandbox has no pipes.")
        return stdin.fileno(), stdout.fileno()

    def _send(self, frame: bytes, deadline: float) -> None:
        fd = self._pipes()[0]
        rest = memoryview(frame)
        while rest:
            _wait(fd, select.POLLOUT, deadline)
            rest = rest[os.write(fd, rest) :]

    def _receive(self, deadline: float) -> Reply:
        size, cpu_seconds, memory = HEADER.unpack(self._read(HEADER.size, deadline))
        if size > self._limits.answer_bytes:
            raise AnswerTooLong
        self._memory_at_start = self._memory_at_start or memory
        large = (memory - self._memory_at_start) * 1024 > self._limits.large_bytes
        return Reply(self._read(size, deadline), cpu_seconds, large)

    def _read(self, size: int, deadline: float) -> bytes:
        fd = self._pipes()[1]
        answer = bytearray()
        while len(answer) < size:
            _wait(fd, select.POLLIN, deadline)
            part = os.read(fd, size - len(answer))
            if not part:
                raise BrokenPipeError("the child closed its pipe")
            answer += part
        return bytes(answer)

    def _death(self) -> ChildDied:
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            status = 0
        self.close()
        if status == -signal.SIGPROF:
            seconds = self._limits.cpu_seconds_per_entry
            unit = "second" if seconds == 1 else "seconds"
            message = f"used more than {seconds:g} {unit} of computing time for one entry and was stopped"
            return ChildDied(message, certain=True)
        if status == OUT_OF_MEMORY:
            return ChildDied(MEMORY_MESSAGE)
        if status == -signal.SIGSYS:
            return ChildDied("did what the sandbox forbids and was stopped")
        return ChildDied("the script engine crashed")


class TimeoutExpired(Exception):
    """The wall clock limit passed."""


class AnswerTooLong(Exception):
    """The child announced more than an answer may hold."""


def _wait(fd: int, event: int, deadline: float) -> None:
    poller = select.poll()
    poller.register(fd, event)
    if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutExpired
