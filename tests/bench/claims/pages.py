"""Claims about the console's pages: what a large console costs more than a small one."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.bench.figures import percentile, short
from tests.bench.rows import Goal, Row
from tests.bench.suite import Suite

QUERIES = Row(
    "page-queries", "SQL statements of every list and detail page, full console", "small console", Goal(0, "more")
)
LISTS = Row("lists", "p95 server time of the slowest list", "–", Goal(150.0, "ms"))
DETAILS = Row("details", "p95 server time of the slowest detail page", "–", Goal(100.0, "ms"))
ROWS = (QUERIES, LISTS, DETAILS)
SMALL = (1000, 200, 10)
LARGE = (100_000, 20_000, 1000)
QUICK = (2000, 400, 30)
# So many pages has each that is looked at when it has to be quick.
ONE_IN = 20
SLOWEST = 3


def measure(suite: Suite) -> Iterator[Row]:
    """Fill a console twice and look at all its pages."""
    large = QUICK if suite.options.quick else LARGE
    repeats, one_in = suite.options.sized(20, 3), str(suite.options.sized(1, ONE_IN))
    suite.report(f"pages with {large[0]:,} users, {large[1]:,} devices, {large[2]:,} runs")
    found = suite.console().inside(
        "pages", *(",".join(map(str, size)) for size in (SMALL, large)), str(repeats), one_in
    )
    what = f"{large[0]:,} users, {large[1]:,} devices, {large[2]:,} runs"
    yield _queries(found, what)
    for claim, kind in ((LISTS, "list"), (DETAILS, "detail")):
        yield _times(claim, [page for page in found if page["kind"] == kind], what)


def _queries(found: list[dict[str, Any]], what: str) -> Row:
    grown = {
        page["name"]: (page["before"], page["statements"]) for page in found if page["statements"] > page["before"]
    }
    more = max(page["statements"] - page["before"] for page in found)
    details = "; ".join(f"{name}: {many} instead of {few}" for name, (few, many) in grown.items())
    most = max(page["statements"] for page in found)
    samples = {page["name"]: [page["before"], page["statements"]] for page in found}
    details = details or f"{len(found)} pages, {most} statements at most"
    return Row(
        QUERIES.key, QUERIES.what, QUERIES.against, QUERIES.goal, max(0, more), f"{what}: {details}", samples=samples
    )


def _times(claim: Row, pages: list[dict[str, Any]], what: str) -> Row:
    p95 = {page["name"]: percentile(page["ms"], 95) for page in pages}
    slowest = sorted(p95.items(), key=lambda each: -each[1])
    details = ", ".join(f"{name} {short(ms)} ms" for name, ms in slowest[:SLOWEST])
    samples = {"p95 in ms": p95, "median in ms": {page["name"]: median(page["ms"]) for page in pages}}
    return Row(claim.key, claim.what, claim.against, claim.goal, slowest[0][1], f"{what}: {details}", samples=samples)
