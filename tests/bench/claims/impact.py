"""The claims about the impact of a script edit: told about as fast as scripts run at all, and the first numbers at once."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from tests.bench.figures import rate, ratio, seconds, short
from tests.bench.rows import Goal, Row
from tests.bench.suite import Suite

IMPACT = Row(
    "impact",
    "impact of an edit of one script over all stored entries, entries/s",
    "the three scripts evaluated for the same entries in memory",
    Goal(0.8, at_least=True),
)
FIRST = Row("impact-first", "its first numbers", "–", Goal(1.0, "s"))
ROWS = (IMPACT, FIRST)


def measure(suite: Suite) -> Iterator[Row]:
    """Yield one row after the other."""
    jobs = suite.jobs(suite.options.users)
    # The sync before may be one of other scripts.
    jobs.world.sync()
    suite.report("the impact of edited scripts")
    found = jobs.world.console.inside("impact", str(suite.options.repeats))
    count, one, every, evaluated = (found[name] for name in ("entries", "one", "every", "evaluated"))
    yield Row(
        IMPACT.key,
        IMPACT.what,
        IMPACT.against,
        IMPACT.goal,
        measured=ratio(evaluated, one),
        details=(
            f"{count:,} entries: {short(rate(count, one))}/s against {short(rate(count, evaluated))}/s; "
            f"with all three scripts edited {short(rate(count, every))}/s"
        ),
        samples=found,
    )
    yield Row(
        FIRST.key,
        FIRST.what,
        FIRST.against,
        FIRST.goal,
        measured=median(found["first"]),
        details=f"{count:,} entries in {seconds(one)}",
        samples={"first": found["first"]},
    )
