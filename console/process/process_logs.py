"""The log of one process: its output goes to a file, and what can't be written is dropped."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO

# A file that nobody rotates is put aside at this size, in the place of the one before it.
LARGEST = 20 * 1024 * 1024
_LINE = 64 * 1024


class ProcessLog:
    """Takes the lines of a process; opens a new file when logrotate has moved the present one away.

    The file of an earlier start is put aside, with ``.1`` at its end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._put_aside = path.exists()
        self._lock = threading.Lock()

    def follow(self, output: IO[bytes] | None) -> None:
        """Take what a process writes, in a thread of its own, until it ends."""
        if output is not None:
            threading.Thread(target=self._follow, args=(output,), daemon=True).start()

    def write(self, line: bytes) -> None:
        """Write a line, or drop it where that can't be done; a process never waits for the disk of its log."""
        with self._lock:
            try:
                self._open_file().write(line)
            except (OSError, ValueError):
                self._close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _follow(self, output: IO[bytes]) -> None:
        with output:
            while line := output.readline(_LINE):
                self.write(line)

    def _open_file(self) -> FileIO:
        if self._put_aside or (self._file is not None and self._file.tell() > LARGEST):
            self._close()
            self._put_aside = False
            with suppress(OSError):
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        if self._file is not None and not self._is_in_place(self._file):
            self._close()
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Without a buffer: nothing is left over that fails again later.
            self._file = FileIO(self.path, "ab")
        return self._file

    def _is_in_place(self, file: FileIO) -> bool:
        try:
            found, own = self.path.stat(), os.fstat(file.fileno())
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
