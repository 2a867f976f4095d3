"""Runs restic on the folder of an archive to read from it: its output comes as a stream, and it ends with its reader.

Nothing is written to the archive, not even a lock. The password is in the environment of restic, which only its own user
can read, and in no argument.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from django.utils.translation import gettext as _

from orgs.backups.restores.readable_archives import ReadableArchive

# Characters of what restic says that are kept: its last words have the reason.
_LONGEST = 2000


class ReadingFailed(Exception):
    """Restic could not read the archive; the text says why."""


class ReadingTookTooLong(ReadingFailed):
    """Restic was ended, as it had not finished in time."""


@contextmanager
def output_of(archive: ReadableArchive, *arguments: str, within: float) -> Iterator[IO[bytes]]:
    """Start restic and yield its output. At the end of the block it has ended, by itself or by being killed.

    Where the block has read to the end of the output, restic has to have ended well.

    Raises:
        ReadingFailed: when restic is not installed, or failed.
        ReadingTookTooLong: when it did not finish within so many seconds.
    """
    with tempfile.TemporaryFile() as errors:
        process = _start(archive, arguments, errors)
        output = cast("IO[bytes]", process.stdout)
        late = threading.Event()
        timer = threading.Timer(within, _kill_late, (process, late))
        timer.daemon = True
        timer.start()
        try:
            yield output
            # A reader who has enough leaves the rest.
            exit_code = 0 if output.read(1) else process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:
                process.kill()
            process.wait()
            output.close()
        if late.is_set():
            raise ReadingTookTooLong(_("It took too long."))
        if exit_code:
            raise ReadingFailed(_words(errors, archive.password) or f"restic: exit {exit_code}")


def _start(archive: ReadableArchive, arguments: tuple[str, ...], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "RESTIC_REPOSITORY": str(archive.folder),
        "RESTIC_PASSWORD": archive.password,
        "GOMAXPROCS": "1",
    }
    if (restic := shutil.which("restic")) is None:
        raise ReadingFailed(_("restic is not installed on this machine."))
    # Pages come first. The first command becomes the second, in the same process.
    nice = shutil.which("nice")
    command = [*([nice, "-n", "10"] if nice else []), restic, "--no-cache", "--no-lock", "--quiet", *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)


def _kill_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _words(errors: IO[bytes], password: str) -> str:
    errors.seek(0)
    words = errors.read().decode("utf-8", "backslashreplace").replace(password, "***").strip()[-_LONGEST:]
    fatal = [line for line in words.splitlines() if line.startswith("Fatal:")]
    return (fatal or words.splitlines() or [""])[-1].removeprefix("Fatal: ")
