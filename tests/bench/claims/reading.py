"""Claims about single syncs: each against ldapsearch of the same entries, or against a sync that changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from statistics import median

from tests.bench.figures import rate, ratio, seconds, short
from tests.bench.jobs import Jobs
from tests.bench.measuring import Measured
from tests.bench.rows import Goal, Row
from tests.bench.suite import Suite

LDAPSEARCH = "`ldapsearch` of the same entries"
UNCHANGED = Row("unchanged", "sync with nothing changed", LDAPSEARCH, Goal(3.0))
FIRST = Row("first", "first sync, every script run for every user, nothing to apply", LDAPSEARCH, Goal(6.0))
CHANGED = Row("changed", "sync with 1 % changed", "sync with nothing changed", Goal(1.3))
MOVED = Row("moved", "every user moved and re-roled, applied, with history", LDAPSEARCH, Goal(25.0))
ROWS = (UNCHANGED, FIRST, CHANGED, MOVED)


def measure(suite: Suite) -> Iterator[Row]:
    """Yield one row after the other."""
    jobs = suite.jobs(suite.options.users)
    suite.report("first syncs")
    _ = jobs.first
    suite.report("syncs with nothing changed, and ldapsearch")
    base = jobs.ldapsearch
    yield _against(FIRST, jobs, jobs.first, base)
    yield _against(UNCHANGED, jobs, jobs.unchanged, base)
    suite.report("syncs with 1 % changed")
    yield _against(CHANGED, jobs, jobs.changed, [each.seconds for each in jobs.unchanged])
    suite.report("syncs that move everybody")
    yield _against(MOVED, jobs, jobs.moved, base)


def _against(claim: Row, jobs: Jobs, measured: list[Measured], others: list[float]) -> Row:
    times, count = [each.seconds for each in measured], jobs.world.count
    start = median(each.seconds - json.loads(each.output.splitlines()[-1])["seconds"] for each in measured)
    speed = short(rate(count, times))
    return Row(
        claim.key,
        claim.what,
        claim.against,
        claim.goal,
        measured=ratio(times, others),
        details=f"{count:,} users: {seconds(times)} against {seconds(others)}; {speed} users/s; {start:.1f} s of it outside of the run",
        samples={"users": count, "seconds": times, "against": others, "peak_bytes": [each.peak for each in measured]},
    )
