"""Moves that are killed at random moments, again and again, lose and change no file; ``make faults`` kills many more."""

from __future__ import annotations

import pytest

from tests.archive_folders import kill_moves
from tests.unit.orgs.backups.conftest import Roots

pytestmark = pytest.mark.once


def test_moves_killed_ten_times_each_way_lose_nothing(roots: Roots) -> None:
    found = kill_moves(roots.live.path, roots.cold.path, 10)

    assert min(found["killed"]) >= 10
    assert found["lost"] == 0
