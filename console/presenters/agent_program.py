"""Reads the backup program that this console serves to computers, and its SHA-256."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

NAME = "rollcall-agent"


@dataclass(frozen=True, slots=True)
class AgentProgram:
    """The program as one file for all systems, and its SHA-256 in hexadecimal digits."""

    content: bytes = field(repr=False)
    sha256: str


def served() -> AgentProgram | None:
    """Return the program, read again only after its file has changed; None where this installation has none."""
    path = Path(settings.BASE_DIR) / "static" / "agent" / NAME
    try:
        found = path.stat()
        return _read(path, (found.st_mtime_ns, found.st_size, found.st_ino))
    except OSError:
        return None


@functools.lru_cache(maxsize=1)
def _read(path: Path, _version: tuple[int, ...]) -> AgentProgram:
    content = path.read_bytes()
    return AgentProgram(content, hashlib.sha256(content).hexdigest())
