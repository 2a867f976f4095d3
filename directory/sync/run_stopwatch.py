"""Measures the seconds of each step of a run if a caller asks for them; costs nothing otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Spent:
    """The wall-clock seconds of one step, without the steps inside it, and how often it was done."""

    seconds: float = 0.0
    count: int = 0


@dataclass(slots=True)
class RunTiming:
    """The timing of one run so far, by step; steps are in the order of their first start."""

    by_step: dict[str, Spent] = field(default_factory=dict)
    _inside: list[float] = field(default_factory=list)

    @contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Add the time of the block to this step, without the time of steps inside it."""
        # Add the key now, so that steps are in the order of their starts.
        self.by_step.setdefault(step, Spent())
        self._inside.append(0.0)
        started = time.perf_counter()
        try:
            yield
        finally:
            took, inside = time.perf_counter() - started, self._inside.pop()
            before = self.by_step[step]
            self.by_step[step] = Spent(before.seconds + took - inside, before.count + 1)
            if self._inside:
                self._inside[-1] += took


_times: ContextVar[RunTiming | None] = ContextVar("times of the present run", default=None)


@contextmanager
def measured() -> Iterator[RunTiming]:
    """Measure all steps in the block."""
    timing = RunTiming()
    token = _times.set(timing)
    try:
        yield timing
    finally:
        _times.reset(token)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Measure the block as one step of a run, if steps are measured."""
    timing = _times.get()
    if timing is None:
        yield
        return
    with timing.during(name):
        yield


def each(name: str, items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items; the time to get each one counts as a step of this name."""
    iterator = iter(items)
    while True:
        with step(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
