"""Moves that are killed at random moments, again and again, lose and change no file."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.tree import ROOT
from tests.unit.orgs.backups.conftest import Roots

pytestmark = pytest.mark.once


def _killed(roots: Roots, kills: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.unit.orgs.backups.killed_moves", roots.live.path, roots.cold.path]
    done = subprocess.run(
        [*map(str, command), str(kills), str(kills)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_moves_killed_ten_times_each_way_lose_nothing(roots: Roots) -> None:
    assert min(_killed(roots, 10)["killed"]) >= 10


@pytest.mark.whole
def test_moves_killed_a_hundred_times_each_way_lose_nothing(two_disks: Roots) -> None:
    found = _killed(two_disks, 100)
    assert min(found["killed"]) >= 100
    assert found["turned"] > 0
    # Kills came while files were copied and while they were deleted.
    assert len(found["states"]) >= 3
