"""Which snapshots are kept, as options of restic: never none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orgs.rules.snapshot_retention import KEEP_ALL, SnapshotRetention, from_counts


def test_numbers_are_options_and_zeros_are_none() -> None:
    options = SnapshotRetention(last=3, monthly=12).options()

    assert options == ["--keep-last", "3", "--keep-monthly", "12", "--group-by", ""]


def test_places_that_are_taken_are_added_to_each_number() -> None:
    options = SnapshotRetention(last=3, monthly=12).options(more=2)

    assert options == ["--keep-last", "5", "--keep-monthly", "14", "--group-by", ""]


def test_without_a_number_every_snapshot_is_kept_and_there_are_no_options() -> None:
    assert KEEP_ALL.keeps_all
    with pytest.raises(ValueError, match="every snapshot is kept"):
        KEEP_ALL.options()


def test_the_last_of_each_period_is_kept() -> None:
    times = {f"{day:02}-{hour}": datetime(2026, 1, day, hour, tzinfo=UTC) for day in range(1, 32) for hour in (10, 20)}

    assert SnapshotRetention(last=2).kept(times) == {"31-20", "31-10"}
    assert SnapshotRetention(daily=2, monthly=3).kept(times) == {"31-20", "30-20"}
    assert SnapshotRetention(weekly=2).kept(times) == {"31-20", "25-20"}
    assert SnapshotRetention(last=1, yearly=5).kept({}) == set()


@pytest.mark.parametrize("kept", [KEEP_ALL, SnapshotRetention(1, 2, 3, 4, 5)])
def test_what_is_stored_is_read_again(kept: SnapshotRetention) -> None:
    assert from_counts(kept.counts()) == kept


def test_no_own_retention_is_none_and_missing_numbers_are_zeros() -> None:
    assert from_counts(None) is None
    assert from_counts({"daily": 7}) == SnapshotRetention(daily=7)
