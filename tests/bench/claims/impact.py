"""The place of the claim about the impact of a script edit, for which there is no engine yet."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.rows import Row, not_measured
from tests.bench.suite import Suite

IMPACT = Row("impact", "impact of a script edit over 100,000 stored entries", "–", None)
ROWS = (IMPACT,)


def measure(_suite: Suite) -> Iterator[Row]:
    """Say that nothing can be measured; with the engine: its time over ``suite.jobs(...)``'s stored entries."""
    yield not_measured(IMPACT, "nothing yet tells who would change if a script were saved")
