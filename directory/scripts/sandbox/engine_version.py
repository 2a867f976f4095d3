"""Hashes the script engine and the sandbox: another version of these may return another verdict for the same entry."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path

from directory import digests

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
# The modules about return values count as a part of the sandbox.
VALUES = [PROJECT / "directory" / "values" / name for name in ("script_returns.py", "scripts.py")]


# Read once at import, like the sandbox itself: an upgrade may replace the files while this process runs.
SOURCES = digests.of_files([*HERE.rglob("*.js"), *HERE.rglob("*.py"), *VALUES], below=PROJECT)


@cache
def engine_version() -> str:
    """Return one hash of the engine's version and of the sandbox's sources."""
    return digests.of_text(f"{version('dukpy')} {SOURCES}")
