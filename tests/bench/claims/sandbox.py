"""The claim that the locks around the administrators' scripts cost little."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.figures import rate, ratio, short
from tests.bench.rows import Goal, Row
from tests.bench.suite import Suite

SANDBOX = Row(
    "sandbox",
    "three scripts for each entry in the sandbox, entries/s",
    "the same functions in one bare interpreter, in batches",
    Goal(0.6, at_least=True),
)
ROWS = (SANDBOX,)


def measure(suite: Suite) -> Iterator[Row]:
    """Yield the row."""
    count = suite.options.sized(20_000, 2_000)
    suite.report(f"scripts for {count:,} entries")
    # One turn more: single turns are short.
    found = suite.console().inside("scripts", str(count), str(suite.options.repeats + 2))
    own, bare = found["sandbox"], found["bare"]
    yield Row(
        SANDBOX.key,
        SANDBOX.what,
        SANDBOX.against,
        SANDBOX.goal,
        measured=ratio(bare, own),
        details=f"{count:,} entries: {short(rate(count, own))}/s against {short(rate(count, bare))}/s",
        samples={"entries": count, **found},
    )
