"""Which snapshots are kept, as options of restic: never none."""

from __future__ import annotations

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


@pytest.mark.parametrize("kept", [KEEP_ALL, SnapshotRetention(1, 2, 3, 4, 5)])
def test_what_is_stored_is_read_again(kept: SnapshotRetention) -> None:
    assert from_counts(kept.counts()) == kept


def test_no_own_retention_is_none_and_missing_numbers_are_zeros() -> None:
    assert from_counts(None) is None
    assert from_counts({"daily": 7}) == SnapshotRetention(daily=7)
