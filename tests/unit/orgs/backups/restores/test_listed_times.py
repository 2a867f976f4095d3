"""Times in listings of restic."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orgs.backups.restores import snapshots


def test_are_read_with_nanoseconds() -> None:
    assert snapshots._time("2026-11-30T20:33:39.797548582Z") == datetime(2026, 11, 30, 20, 33, 39, 797548, UTC)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "", None])
def test_that_can_not_be_shown_everywhere_are_unknown(text: str | None) -> None:
    assert snapshots._time(text) is None
