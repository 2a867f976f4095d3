"""Which tests go with this push, where all of them would take too long: each goes in its turn, and the whole targets run all."""

from __future__ import annotations

import os
import subprocess
import zlib
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

# The whole of these folders has targets of its own: make pages, make directories.
FOLDERS_IN_TURNS = ("tests/browser/", "tests/servers/")
OF_THREE = 3
# Each of these needs a database, and goes with every push on one of the two.
FOLDERS_ON_ONE_DATABASE = ("tests/integration/", "tests/unit/pages/", "tests/attacks/", "tests/faults/")
OF_TWO = 2


def turn() -> int:
    """Return the number of this push: TURN from the environment, that of its commits, or, without Git, that of the day."""
    if given := os.environ.get("TURN", ""):
        return int(given)
    command = ["git", "rev-list", "--count", "HEAD"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else datetime.now(UTC).toordinal()


def goes(name: str, marks: Collection[str], *, now: int, needs_database: bool, on_postgres: bool) -> bool:
    """Return whether the test of this name (pytest's node id) goes with the push of the number ``now``.

    Of a test that needs a database, ``on_postgres`` says on which of the two.
    """
    part = zlib.crc32(name.encode())
    if "in_turns" in marks or name.startswith(FOLDERS_IN_TURNS):
        return part % OF_THREE == now % OF_THREE
    if needs_database and "database" not in marks and name.startswith(FOLDERS_ON_ONE_DATABASE):
        return (part % OF_TWO == now % OF_TWO) is on_postgres
    return True
