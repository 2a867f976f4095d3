"""What a run's steps take: each without the steps inside it, and nothing where nobody asks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from directory.sync import run_stopwatch


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only goes on when it is told to."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_a_step_counts_without_the_steps_inside_it(clock: list[float]) -> None:
    with run_stopwatch.measured() as spent:
        with run_stopwatch.step("reading"):
            clock[0] += 1
            for _ in range(2):
                with run_stopwatch.step("scripts"):
                    clock[0] += 10
        with run_stopwatch.step("planning"):
            clock[0] += 100

    assert list(spent.by_step.items()) == [
        ("reading", run_stopwatch.Spent(1, 1)),
        ("scripts", run_stopwatch.Spent(20, 2)),
        ("planning", run_stopwatch.Spent(100, 1)),
    ]


def test_a_step_that_fails_counts(clock: list[float]) -> None:
    def breaks() -> None:
        with run_stopwatch.step("reading"):
            clock[0] += 3
            raise ValueError("no")

    with run_stopwatch.measured() as spent, pytest.raises(ValueError, match="no"):
        breaks()

    assert spent.by_step == {"reading": run_stopwatch.Spent(3, 1)}


def test_waiting_for_items_is_a_step_and_working_on_them_is_none(clock: list[float]) -> None:
    def pages() -> Iterator[str]:
        for page in "ab":
            clock[0] += 5
            yield page

    with run_stopwatch.measured() as spent:
        for _ in run_stopwatch.each("reading LDAP", pages()):
            clock[0] += 50

    assert spent.by_step == {"reading LDAP": run_stopwatch.Spent(10, 3)}


def test_nothing_is_counted_where_nobody_asks() -> None:
    with run_stopwatch.step("reading"):
        assert list(run_stopwatch.each("pages", "ab")) == ["a", "b"]
    with run_stopwatch.measured() as spent:
        assert spent.by_step == {}
