"""Claims about what ten times as many users cost: in time, and in memory of the largest process."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from tests.bench.figures import short
from tests.bench.jobs import Jobs
from tests.bench.measuring import Measured
from tests.bench.rows import Goal, Row, not_measured
from tests.bench.suite import Suite

MEGABYTE = 1024**2
KINDS = ("first", "unchanged")
MEMORY = Row("memory", "peak memory of a run, 1,000,000 users", "100,000 users", Goal(1.5))
LARGEST = Row("largest-process", "the largest process of it", "–", Goal(600, "MB"))
TIME = Row("time", "wall time, 1,000,000 users", "100,000 users", Goal(11.0))
GROWTH = Row("growth", "wall time as users grow (for the picture)", "the smallest size", None)
ROWS = (MEMORY, LARGEST, TIME, GROWTH)


def measure(suite: Suite) -> Iterator[Row]:
    """Measure a tenth and the whole, and ten times as many where that was asked for."""
    users = suite.options.users
    counts = [suite.options.smaller, users, *([users * 10] if suite.options.million else [])]
    found = {count: _runs(suite, suite.jobs(count)) for count in counts}
    yield _growth(found)
    if suite.options.million:
        yield from _compared(found, users, users * 10)
    else:
        yield from (not_measured(row, "asked for by MILLION=1") for row in (MEMORY, LARGEST, TIME))


def _runs(suite: Suite, jobs: Jobs) -> dict[str, list[Measured]]:
    suite.report(f"syncs of {jobs.world.count:,} users")
    return {"first": jobs.first, "unchanged": jobs.unchanged}


def _growth(found: dict[int, dict[str, list[Measured]]]) -> Row:
    times = {kind: {count: _time(runs[kind]) for count, runs in found.items()} for kind in KINDS}
    details = "; ".join(f"{count:,} users {short(seconds)} s" for count, seconds in times["unchanged"].items())
    first, last = min(times["unchanged"].items()), max(times["unchanged"].items())
    samples = {kind: {str(count): seconds for count, seconds in each.items()} for kind, each in times.items()}
    return Row(GROWTH.key, GROWTH.what, GROWTH.against, None, last[1] / first[1], details, samples=samples)


def _compared(found: dict[int, dict[str, list[Measured]]], few: int, many: int) -> Iterator[Row]:
    """Yield what becomes of the worse kind of run."""
    memory = {kind: (_peak(found[few][kind]), _peak(found[many][kind])) for kind in KINDS}
    time = {kind: (_time(found[few][kind]), _time(found[many][kind])) for kind in KINDS}
    yield _worst(MEMORY, few, many, {kind: (a / MEGABYTE, b / MEGABYTE) for kind, (a, b) in memory.items()}, "MB")
    largest = max(peak for _, peak in memory.values()) / MEGABYTE
    details = f"{many:,} users"
    yield Row(
        LARGEST.key, LARGEST.what, LARGEST.against, LARGEST.goal, largest, details, samples={"peak_bytes": memory}
    )
    yield _worst(TIME, few, many, time, "s")


def _worst(claim: Row, few: int, many: int, figures: dict[str, tuple[float, float]], unit: str) -> Row:
    details = ", ".join(f"{kind}: {short(b)} {unit} against {short(a)} {unit}" for kind, (a, b) in figures.items())
    what, against = claim.what.replace("1,000,000", f"{many:,}"), f"{few:,} users"
    worst = max(b / a for a, b in figures.values())
    return Row(claim.key, what, against, claim.goal, worst, details, samples={"users": [few, many], unit: figures})


def _time(measured: list[Measured]) -> float:
    return median(each.seconds for each in measured)


def _peak(measured: list[Measured]) -> int:
    return max(each.peak for each in measured)
