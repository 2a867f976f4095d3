"""Starts one child process, exchanges requests and answers within limits of time and size, and ends it."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from directory.scripts.sandbox.protections import Layer, demand, read_layers
from directory.scripts.sandbox.resource_limits import MEMORY_MESSAGE, SandboxBroken, SandboxLimits

CHILD = Path(__file__).with_name("child") / "main.py"
OUT_OF_MEMORY = 77
STARTS = 3
# As in child/main.py: the length of an answer, its computing time in seconds, and the peak memory so far in KB.
HEADER = struct.Struct("<IdI")
# The size of pipes, if the system allows it: a whole batch fits, so that the next one waits in the pipe.
PIPE_BYTES = 1 << 20


class ChildDied(Exception):
    """The child ended without an answer; ``certain``: the request itself is the cause, nothing outside."""

    def __init__(self, message: str, *, certain: bool = False) -> None:
        super().__init__(message)
        self.certain = certain


@dataclass(frozen=True, slots=True)
class Reply:
    """One raw answer; ``large``: the child has taken so much memory that it should be replaced."""

    body: bytes
    cpu_seconds: float = 0.0
    large: bool = False


class Child:
    """A running child; any failure to answer ends it."""

    def __init__(self, limits: SandboxLimits) -> None:
        self._limits = limits
        self._timeout = limits.wall_seconds
        self._memory_at_start = 0
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._process, greeting = self._start()
        self.layers: tuple[Layer, ...] = self._accepted(greeting)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exchange(self, command: bytes, data: bytes = b"") -> Reply:
        """Send one request and return its answer; raises ChildDied."""
        self.send(command, data)
        return self.receive()

    def send(self, command: bytes, data: bytes = b"") -> None:
        """Send one request without waiting until the child has read all of it; raises ChildDied."""
        with self._deaths():
            self._outgoing += struct.pack("<I", len(data) + 1) + command + data
            self._push()

    def receive(self) -> Reply:
        """Return the answer to the first unanswered request; raises ChildDied."""
        with self._deaths():
            return self._receive(time.monotonic() + self._timeout)

    def expire(self) -> None:
        """Make the next answer count as too late, unless it is here already."""
        self._timeout = 0.0

    @property
    def has_begun_to_answer(self) -> bool:
        """Whether a part of an answer is here that was not received yet."""
        return bool(self._incoming)

    def register(self, poller: select.poll) -> None:
        """Make a poller wait for answers, and for room in the pipe if a request is not written completely."""
        stdin, stdout = self._pipes()
        poller.register(stdout, select.POLLIN)
        if self._outgoing:
            poller.register(stdin, select.POLLOUT)

    def take_turn(self) -> bool:
        """Read and write without waiting; return whether the child has begun to answer, or has ended."""
        try:
            self._pull()
        except OSError:
            # The next ``receive`` raises how it ended.
            return True
        return self.has_begun_to_answer

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
            self._incoming.clear()
            for fd in self._pipes():
                os.set_blocking(fd, False)
                _widen(fd)
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
            raise ChildDied(
                f"gave no answer within {self._limits.wall_seconds:g} {'second' if self._limits.wall_seconds == 1 else 'seconds'} and was stopped"
            ) from error
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

    def _push(self) -> None:
        """Write as much of the waiting requests as the pipe takes."""
        fd = self._pipes()[0]
        while self._outgoing:
            try:
                written = os.write(fd, self._outgoing)
            except BlockingIOError:
                return
            del self._outgoing[:written]

    def _receive(self, deadline: float) -> Reply:
        size, cpu_seconds, memory = HEADER.unpack(self._read(HEADER.size, deadline))
        if size > self._limits.answer_bytes:
            raise AnswerTooLong
        self._memory_at_start = self._memory_at_start or memory
        large = (memory - self._memory_at_start) * 1024 > self._limits.large_bytes
        return Reply(self._read(size, deadline), cpu_seconds, large)

    def _read(self, size: int, deadline: float) -> bytes:
        while len(self._incoming) < size:
            # Write and read at once: a child that writes a long answer reads nothing meanwhile.
            if not _wait([self], deadline):
                raise TimeoutExpired
            self._pull()
        answer = bytes(self._incoming[:size])
        del self._incoming[:size]
        return answer

    def _pull(self) -> None:
        self._push()
        try:
            part = os.read(self._pipes()[1], PIPE_BYTES)
        except BlockingIOError:
            return
        if not part:
            raise BrokenPipeError("the child closed its pipe")
        self._incoming += part

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
    """The child announced an answer that is longer than allowed."""


def first_to_answer(children: Sequence[Child], seconds: float) -> Child:
    """Return a child that has begun to answer or has ended; after ``seconds``, the first child, whose time is then over.

    Requests to all children are written meanwhile.
    """
    deadline = time.monotonic() + seconds
    while True:
        for child in children:
            if child.has_begun_to_answer:
                return child
        if not _wait(children, deadline):
            children[0].expire()
            return children[0]
        for child in children:
            if child.take_turn():
                return child


def _wait(children: Sequence[Child], deadline: float) -> bool:
    """Wait until a child writes or reads something; return whether this was before the deadline."""
    poller = select.poll()
    for child in children:
        child.register(poller)
    return bool(poller.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _widen(fd: int) -> None:
    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (AttributeError, OSError):
        # Only Linux can, and not for a user with many large pipes. A small pipe works, too, with more turns.
        return
