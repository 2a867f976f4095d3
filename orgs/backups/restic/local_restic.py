"""Runs restic on the folder of an archive on this machine, with the password that Rollcall holds.

The caller holds the lock of the archive (``folder_locks``). The password is in the environment of restic, which only its own
user can read, and in no argument.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

# Seconds between two calls of ``go_on``, and those that restic gets to remove its lock when it has to end.
CALLED_EVERY, ENDS_WITHIN = 1.0, 20.0
# Characters of restic's messages that are kept: the last ones have the reason.
LONGEST = 4000
# What restic needs of this process's environment; nothing else is passed on.
_PASSED_ON = ("PATH", "TMPDIR", "LANG", "LC_ALL", "TZ")


class ResticMissing(Exception):
    """There is no restic on this machine."""


@dataclass(frozen=True, slots=True)
class ResticAnswer:
    """How a call of restic ended, and its messages."""

    exit_code: int
    words: str

    @property
    def went_well(self) -> bool:
        """Whether restic did all of it."""
        return self.exit_code == 0

    @property
    def locked(self) -> bool:
        """Whether restic did nothing because of a lock in the repository: a device backs up, or another restic works."""
        return not self.went_well and "already locked" in self.words


def run(
    repository: Path,
    password: str,
    *arguments: str,
    go_on: Callable[[], None],
    output: IO[bytes] | None = None,
    keep_open: Collection[int] = (),
) -> ResticAnswer:
    """Run restic to its end; ``go_on`` is called every second, and may raise to stop it: the repository stays whole.

    What restic prints goes to the file ``output``, if there is one, else it is part of the messages. ``keep_open`` are
    descriptors that restic gets: that of the archive's lock (``folder_locks.locked``) makes the lock last as long as restic,
    even if this process is killed.

    Raises:
        ResticMissing: when it is not installed.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "RESTIC_REPOSITORY": str(repository),
        "RESTIC_PASSWORD": password,
        # One core: the console and the store have the others.
        "GOMAXPROCS": "1",
    }
    with tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(
                ["restic", "--no-cache", "--quiet", *arguments],  # noqa: S607  # where it is depends on the system
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output or messages,
                stderr=messages,
                pass_fds=tuple(keep_open),
            )
        except FileNotFoundError as error:
            raise ResticMissing("restic is not installed on this machine") from error
        try:
            _wait(process, go_on)
        finally:
            _end(process)
        messages.seek(0)
        words = messages.read().decode("utf-8", "backslashreplace").replace("\0", "")
    return ResticAnswer(process.returncode, words.replace(password, "***").strip()[-LONGEST:])


def _wait(process: subprocess.Popen[Any], go_on: Callable[[], None]) -> None:
    while True:
        try:
            process.wait(CALLED_EVERY)
        except subprocess.TimeoutExpired:
            go_on()
        else:
            return


def _end(process: subprocess.Popen[Any]) -> None:
    """End a restic that is still running: by the signal at which it removes its lock, else outright."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
