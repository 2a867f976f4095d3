"""Has the scripts run by this worker and, a bounded number of pages at a time, by others that have nothing else to do.

A page is a pure question: whoever answers it, and how often, the verdicts are the same. What another worker has not
answered, and does not work on any more, is answered here, so that a run ends whoever else is there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

from directory.scripts.distributed import evaluation_batches, remote_worker
from directory.scripts.sandbox.protocol import EntryText
from directory.scripts.sandbox.resource_limits import Cost
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.scripts import Verdict

# So many pages are laid out for each helper: one that it works on, and those that wait while nobody here looks. Once all
# entries are known fewer, as what is laid out can't be made smaller any more.
LAID_OUT, LAID_OUT_AT_END = 3, 2
# Pages get smaller at the end, so that all end together, but not so small that to send them takes longer than to do them.
SMALLEST = 20
# Pages that are fetched ahead besides, in the order in which their verdicts are wanted.
PREFETCHED = 8
# Milliseconds of scripts for each entry, known once so many were evaluated, from which on others are called.
WORTH_HELP, KNOWN_AFTER = 0.2, 100
# How often answers are looked for, and how often helpers are counted and called, in seconds: whoever has come stays while
# there is anything to do, and one that was busy may be free by then.
LOOKS_EVERY, COUNTS_EVERY = 0.05, 2.0
# How long nobody looks while others work on the last pages.
WAITS = 0.02
OWN = "the run's worker"


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """What tells how many other workers could help at the moment, and what calls one of them to a page, by its id."""

    count: Callable[[], int] = lambda: 0
    call: Callable[[int], None] = lambda _page: None


@dataclass(slots=True, eq=False)
class Page:
    """Entries and, once they are there, their verdicts; ``posted`` is the id under which others find it.

    ``last`` says that the page as it was given ends here; what was cut off it comes before.
    """

    entries: Sequence[EntryText]
    last: bool = True
    verdicts: list[Verdict] | None = None
    posted: int | None = None
    own: bool = False


@dataclass(slots=True)
class EvaluationDispatcher:
    """The scripts of one server of one run; ``made`` names them and the settings that they run under.

    ``meanwhile`` is done now and then while others are waited for; what it raises ends the evaluation.
    """

    sandbox: Sandbox
    helpers: WorkerPool
    run_id: int
    server_id: int
    made: str
    meanwhile: Callable[[], None]
    _source: Iterator[Sequence[EntryText]] = field(init=False)
    _pages: deque[Page] = field(default_factory=deque)
    _own: deque[Page] = field(default_factory=deque)
    _ready_parts: list[Verdict] = field(default_factory=list)
    _all_read: bool = False
    _helped: Cost = field(default_factory=Cost)
    _before: Cost | None = None
    _looked: float = 0.0
    _count: int = 0
    _to_call: int = 0
    _counted: float = float("-inf")

    def cost(self) -> Cost:
        """Return what the evaluations have cost so far, here and elsewhere."""
        own = self.sandbox.cost()
        return Cost(own.entries + self._helped.entries, own.cpu_seconds + self._helped.cpu_seconds)

    def evaluate_pages(self, pages: Iterable[Sequence[EntryText]]) -> Iterator[list[Verdict]]:
        """Yield the verdicts page by page, in order; raises as the sandbox does."""
        self._source, self._all_read = iter(pages), False
        try:
            while True:
                for verdicts in self.sandbox.evaluate_pages(self._for_us()):
                    self._own.popleft().verdicts = verdicts
                    yield from self._ready()
                if not self._pages:
                    return
                self.meanwhile()
                self._looked = float("-inf")
                if not self._free():
                    # Others still work on what is missing.
                    time.sleep(WAITS)
                yield from self._ready()
        finally:
            evaluation_batches.clear(run_id=self.run_id)

    def _for_us(self) -> Iterator[Sequence[EntryText]]:
        while (page := self._next()) is not None:
            page.own = True
            self._own.append(page)
            yield page.entries

    def _next(self) -> Page | None:
        """Return what is to be done here: what nobody has been asked to do, else what nobody has begun."""
        helpers = self._helpers()
        published = LAID_OUT * helpers
        # Others begin before more is read for later.
        self._fill(len(self._own) + 1 + published)
        own = self._first_free(helpers)
        if helpers:
            self._lay_out(helpers)
            self._fill(PREFETCHED + published)
        if own is not None:
            return own
        # Not before ours are done, so that whoever has been called can come.
        return None if self._own else self._not_begun()

    def _fill(self, most: int) -> None:
        """Take pages until there are so many."""
        while len(self._pages) < most and not self._all_read:
            entries = next(self._source, None)
            if entries is None:
                self._all_read = True
            else:
                self._pages.append(Page(entries))

    def _first_free(self, helpers: int) -> Page | None:
        """Return what is wanted first of what nobody has been asked to do, to be done here."""
        free = self._free()
        size = self._size(free, helpers)
        # At the end the sandbox must not take more ahead than that either.
        if not free or (self._all_read and helpers and sum(len(page.entries) for page in self._own) >= size):
            return None
        own = self._cut(free[0], size) if len(free[0].entries) > size else free[0]
        own.own = True
        return own

    def _free(self) -> list[Page]:
        return [page for page in self._pages if page.posted is None and not page.own]

    def _size(self, free: Sequence[Page], helpers: int) -> int:
        """Return how many entries are to be done at once: once all are known, a part of everybody's share of the rest."""
        left = sum(len(page.entries) for page in free)
        return max(SMALLEST, ceil(left / (helpers + 1) / 2)) if self._all_read and helpers else left

    def _cut(self, page: Page, size: int) -> Page:
        """Cut so many entries off the beginning of a page, and return the page that they make."""
        first = Page(page.entries[:size], last=False)
        page.entries = page.entries[size:]
        self._pages.insert(self._pages.index(page), first)
        return first

    def _lay_out(self, helpers: int) -> None:
        """Lay pages out for others, the last ones, until enough are: ours are those that are wanted first."""
        missing = helpers * (LAID_OUT_AT_END if self._all_read else LAID_OUT) - len(self._waiting())
        laid_out: list[int] = []
        while len(laid_out) < missing and (free := self._free()):
            page, size = free[-1], self._size(free, helpers)
            if len(page.entries) > size:
                self._cut(page, len(page.entries) - size)
            page.posted = evaluation_batches.post(
                run_id=self.run_id, server_id=self.server_id, made=self.made, entries=page.entries
            )
            laid_out.append(page.posted)
        for posted in laid_out[: self._to_call]:
            self._to_call -= 1
            self.helpers.call(posted)

    def _not_begun(self) -> Page | None:
        """Return a page that others were asked to do and nobody works on."""
        self._collect()
        waiting = self._waiting()
        gone = evaluation_batches.gone(waiting) if waiting else ()
        return next(
            (page for pk, page in waiting.items() if pk in gone or evaluation_batches.claim(pk, by=OWN, refused=True)),
            None,
        )

    def _waiting(self) -> dict[int, Page]:
        """Return the pages that others have been asked to do and have not answered, by their ids."""
        pages = (page for page in self._pages if page.verdicts is None and not page.own)
        return {page.posted: page for page in pages if page.posted is not None}

    def _helpers(self) -> int:
        """Return how many workers could help, where the scripts take so long that it is worth while to call them."""
        cost = self._known_cost()
        if cost.entries < KNOWN_AFTER or cost.milliseconds_per_entry < WORTH_HELP:
            return 0
        if time.monotonic() >= self._counted + COUNTS_EVERY:
            self._count = self._to_call = self.helpers.count()
            self._counted = time.monotonic()
        return self._count

    def _known_cost(self) -> Cost:
        """Return what the evaluations have cost; before that says anything, what they did in the run before."""
        cost = self.cost()
        if cost.entries >= KNOWN_AFTER:
            return cost
        if self._before is None:
            self._before = remote_worker.cost_before(self.server_id, self.made)
        return self._before

    def _ready(self) -> Iterator[list[Verdict]]:
        """Yield what is there of what is wanted next."""
        if time.monotonic() >= self._looked + LOOKS_EVERY:
            self._looked = time.monotonic()
            self._collect()
        while self._pages and (verdicts := self._pages[0].verdicts) is not None:
            self._ready_parts += verdicts
            if self._pages.popleft().last:
                page, self._ready_parts = self._ready_parts, []
                yield page

    def _collect(self) -> None:
        """Take the answers that others have given."""
        waiting = self._waiting()
        found = evaluation_batches.answers(waiting) if waiting else {}
        for pk, answer in found.items():
            waiting[pk].verdicts = answer.verdicts
            self._helped = Cost(
                self._helped.entries + len(answer.verdicts), self._helped.cpu_seconds + answer.cpu_seconds
            )
        if found:
            evaluation_batches.clear(run_id=self.run_id, page_ids=found)
