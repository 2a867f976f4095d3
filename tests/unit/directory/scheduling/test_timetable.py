"""When a server's next run is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from directory.scheduling.timetable import Timetable, due, next_run

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class TestSchedule:
    def test_a_server_is_due_its_interval_after_its_last_run(self) -> None:
        table = Timetable(1, 12, NOON - timedelta(hours=12))

        assert due([table], since=NOON - timedelta(days=9), now=NOON) == [1]
        assert due([table], since=NOON - timedelta(days=9), now=NOON - timedelta(seconds=1)) == []

    def test_before_its_first_run_the_interval_counts_from_when_it_was_set(self) -> None:
        assert next_run(Timetable(1, 12, None), since=NOON) == NOON + timedelta(hours=12)

    def test_an_interval_of_zero_is_never(self) -> None:
        assert next_run(Timetable(1, 0, NOON), since=NOON) is None
