"""Claims about how many SQL statements a sync needs: counted by the server, whichever process asks."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from tests.bench.rows import Goal, Row, not_measured
from tests.bench.suite import Suite

PER_PAGE = Row("statements", "SQL statements for each page of 1,000 users, nothing changed", "–", Goal(6, ""))
GROWTH = Row("statements-growth", "the same for each further page", "for the pages before it", Goal(0, "more"))
ROWS = (PER_PAGE, GROWTH)
# A size of its own beside those of the other claims.
TWO_PAGES = 2000
# They mark transactions and ask nothing; told apart, as they are round trips all the same.
TRANSACTIONS = re.compile(r"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE)


def measure(suite: Suite) -> Iterator[Row]:
    """Count the statements of syncs of a few sizes, and compare what each further page costs."""
    if suite.options.database != "postgresql":
        yield from (not_measured(row, "only PostgreSQL notes the statements of all processes") for row in ROWS)
        return
    users = sorted({TWO_PAGES, suite.options.smaller, suite.options.users})
    pages = [math.ceil(count / 1000) for count in users]
    counted = [_count(suite, count) for count in users]
    statements = [sum(number for text, number in each.items() if not TRANSACTIONS.match(text)) for each in counted]
    whole = [each.total() for each in counted]
    slopes, whole_slopes = _slopes(pages, statements), _slopes(pages, whole)
    samples: dict[str, Any] = {"pages": pages, "statements": statements, "with transactions": whole}
    details = f"{statements[0]} for {pages[0]:,}, {statements[-1]} for {pages[-1]} pages; {whole_slopes[-1]:g} with BEGIN and COMMIT"
    samples["of the largest"] = dict(counted[-1].most_common())
    yield Row(PER_PAGE.key, PER_PAGE.what, PER_PAGE.against, PER_PAGE.goal, slopes[-1], details, samples=samples)
    if len(slopes) < 2:
        yield not_measured(GROWTH, "it takes three sizes")
        return
    # A long run also says now and then that it lives: that is by time, and far less than one a page.
    more = round(max(slopes)) - round(min(slopes))
    shown = " and ".join(f"{slope:g}" for slope in slopes)
    yield Row(GROWTH.key, GROWTH.what, GROWTH.against, GROWTH.goal, more, f"{shown} for each page", samples=samples)


def _count(suite: Suite, users: int) -> Counter[str]:
    """Return how often each statement was asked by a sync that found nothing changed."""
    world = suite.jobs(users).world
    # What was done before may have left something to write.
    world.sync()
    suite.report(f"SQL statements of {users:,} users")
    database = urlsplit(world.console.database_url).path.strip("/")
    with suite.server.statements(database) as statements:
        world.sync()
    return Counter(shape(text) for text in statements)


def shape(text: str) -> str:
    """Return the beginning of a statement without its values, so that the same statements look the same."""
    return re.sub(r"'[^']*'?|\b\d+\b", "?", text)[:100]


def _slopes(pages: Sequence[int], counts: Sequence[int]) -> list[float]:
    steps = range(1, len(pages))
    return [(counts[i] - counts[i - 1]) / (pages[i] - pages[i - 1]) for i in steps]
