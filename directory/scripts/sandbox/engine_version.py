"""Names what runs the scripts: another engine, or another sandbox, may make another verdict of the same entry."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent


def _sources() -> bytes:
    digest = hashlib.sha256()
    for path in sorted(path for kind in ("*.js", "*.py") for path in HERE.rglob(kind)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(HERE).as_posix()} {len(content)} ".encode() + content)
    return digest.digest()


# Read once, when the sandbox itself is: an upgrade may replace the files while this process runs.
SOURCES = _sources()


@cache
def engine_version() -> str:
    """Return one hash of the engine's version and of the sandbox that the scripts run in."""
    return hashlib.sha256(version("dukpy").encode() + SOURCES).hexdigest()
