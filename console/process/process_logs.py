"""Writes the output of one process to its log file; drops lines that can't be written."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO

# A file of this size is renamed to ``.1``, over an older one; for systems without logrotate.
LARGEST = 20 * 1024 * 1024
_LINE = 64 * 1024


class ProcessLog:
    """Writes the lines of a process; opens a new file after logrotate has moved the present one.

    The file of an earlier start gets ``.1`` at the end of its name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._put_aside = path.exists()
        self._lock = threading.Lock()

    def follow(self, output: IO[bytes] | None) -> None:
        """Write the output of a process to the file, in a separate thread, until the process ends."""
        if output is not None:
            threading.Thread(target=self._follow, args=(output,), daemon=True).start()

    def write(self, line: bytes) -> None:
        """Write a line, or drop it after an error: the process must never wait for the disk of its log."""
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
            # No buffer: a rest in it would fail again later.
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
