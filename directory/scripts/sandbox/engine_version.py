"""Hashes the script engine and the sandbox: another version of these may return another verdict for the same entry."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
# The modules about return values count as a part of the sandbox.
VALUES = [PROJECT / "directory" / "values" / name for name in ("script_results.py", "scripts.py")]


def _sources() -> bytes:
    digest = hashlib.sha256()
    for path in sorted([*HERE.rglob("*.js"), *HERE.rglob("*.py"), *VALUES]):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PROJECT).as_posix()} {len(content)} ".encode() + content)
    return digest.digest()


# Read once at import, like the sandbox itself: an upgrade may replace the files while this process runs.
SOURCES = _sources()


@cache
def engine_version() -> str:
    """Return one hash of the engine's version and of the sandbox's sources."""
    return hashlib.sha256(version("dukpy").encode() + SOURCES).hexdigest()
