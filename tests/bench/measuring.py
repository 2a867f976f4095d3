"""Runs a command and tells how long it took, and how much memory the largest process of its tree had at its peak."""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
# The kernel keeps each process's peak itself: only what grows after the last look is missed.
LOOK_EVERY = 0.1
LOOK_FOR_CHILDREN_EVERY = 5
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class CommandFailed(Exception):
    """A command that was to be measured has failed; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How one command went; ``peak`` is in bytes."""

    seconds: float
    peak: int
    output: str = ""


@dataclass(slots=True)
class Tree:
    """A process and all that it has started, with the largest peak that one of them had."""

    root: int
    peak: int = 0
    known: set[int] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look at all processes until told that the first one has ended."""
        looks = 0
        while not self.ended.wait(LOOK_EVERY):
            if looks % LOOK_FOR_CHILDREN_EVERY == 0:
                self.known = descendants(self.root)
            looks += 1
            self.peak = max(self.peak, *(peak_of(pid) for pid in self.known | {self.root}))


def run(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None, stdin: str = ""
) -> Measured:
    """Run a command to its end; ``stdin`` goes to its standard input.

    Raises:
        CommandFailed: when its exit status is not 0.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=output, stderr=errors
        )
        tree = Tree(process.pid)
        watcher = threading.Thread(target=tree.watch, daemon=True)
        watcher.start()
        try:
            process.communicate(stdin.encode())
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            tree.ended.set()
        seconds = time.perf_counter() - started
        watcher.join()
        output.seek(0)
        errors.seek(0)
        printed, complaint = output.read().decode(errors="replace"), errors.read().decode(errors="replace")
    if process.returncode != 0:
        shown = " ".join(command[:6])
        raise CommandFailed(f"{shown} ended with status {process.returncode}: {complaint[-2000:] or printed[-2000:]}")
    return Measured(seconds, tree.peak, printed)


def wall_time(command: Sequence[str]) -> Measured:
    """Run a command whose output goes nowhere, and measure its time only.

    Raises:
        CommandFailed: when its exit status is not 0.
    """
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise CommandFailed(f"{command[0]} ended with status {done.returncode}: {done.stderr.decode()[-2000:]}")
    return Measured(seconds, 0)


def peak_of(pid: int) -> int:
    """Return the most memory in bytes that a process has had so far; 0 when it is gone."""
    with suppress(OSError):
        found = PEAK.search((PROC / str(pid) / "status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


def descendants(root: int) -> set[int]:
    """Return the ids of all processes below one."""
    children: dict[int, list[int]] = {}
    for path in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            number, _, rest = path.read_text().partition(" ")
            children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(number))
    found: set[int] = set()
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.update(below)
        waiting += below
    return found
