"""Names what runs the scripts: another engine, or another prelude, may make another verdict of the same entry."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

PRELUDE = ("harden.js", "prelude.js")


@cache
def engine_version() -> str:
    """Return one hash of the engine's version and of the prelude that the scripts run in."""
    here = Path(__file__).parent
    told = version("dukpy").encode() + b"".join((here / name).read_bytes() for name in PRELUDE)
    return hashlib.sha256(told).hexdigest()
