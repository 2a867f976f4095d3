"""The claims about backups of devices: how fast files come and go, what asking costs, and what people notice of it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.claims import asking, backups_in_syncs, transfers
from tests.bench.rows import Row
from tests.bench.suite import Suite

ROWS = (*transfers.ROWS, *asking.ROWS, *backups_in_syncs.ROWS)


def measure(suite: Suite) -> Iterator[Row]:
    """Yield one row after the other."""
    yield from transfers.measure(suite)
    yield from asking.measure(suite)
    yield from backups_in_syncs.measure(suite)
