"""What a run's steps take: each without the steps inside it, and nothing where nobody asks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from directory.sync import timing


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only goes on when it is told to."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_a_step_counts_without_the_steps_inside_it(clock: list[float]) -> None:
    with timing.measured() as spent:
        with timing.step("reading"):
            clock[0] += 1
            for _ in range(2):
                with timing.step("scripts"):
                    clock[0] += 10
        with timing.step("planning"):
            clock[0] += 100

    assert list(spent.by_step.items()) == [
        ("reading", timing.Spent(1, 1)),
        ("scripts", timing.Spent(20, 2)),
        ("planning", timing.Spent(100, 1)),
    ]


def test_a_step_that_fails_counts(clock: list[float]) -> None:
    def breaks() -> None:
        with timing.step("reading"):
            clock[0] += 3
            raise ValueError("no")

    with timing.measured() as spent, pytest.raises(ValueError, match="no"):
        breaks()

    assert spent.by_step == {"reading": timing.Spent(3, 1)}


def test_waiting_for_items_is_a_step_and_working_on_them_is_none(clock: list[float]) -> None:
    def pages() -> Iterator[str]:
        for page in "ab":
            clock[0] += 5
            yield page

    with timing.measured() as spent:
        for _ in timing.each("reading LDAP", pages()):
            clock[0] += 50

    assert spent.by_step == {"reading LDAP": timing.Spent(10, 3)}


def test_nothing_is_counted_where_nobody_asks() -> None:
    with timing.step("reading"):
        assert list(timing.each("pages", "ab")) == ["a", "b"]
    with timing.measured() as spent:
        assert spent.by_step == {}
