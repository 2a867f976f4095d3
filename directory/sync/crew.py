"""Has the scripts run by this worker and, a bounded number of pages at a time, by others that have nothing else to do.

A page is a pure question: whoever answers it, and how often, the verdicts are the same. What another worker has not
answered, and does not work on any more, is answered here, so that a run ends whoever else is there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from directory.sync import script_pages
from directory.sync.sandbox import Cost, EntryText, Sandbox
from directory.sync.values import Verdict

# So many pages are laid out for each helper: one that it works on, and those that wait while nobody here looks.
LAID_OUT = 3
# So many wait here besides, in the order in which their verdicts are wanted.
AHEAD = 8
# Milliseconds of scripts for each entry, known once so many were evaluated, from which on others are called.
WORTH_HELP, KNOWN_AFTER = 0.2, 100
# How often answers are looked for, and how often for helpers, in seconds.
LOOKS_EVERY, COUNTS_EVERY = 0.05, 5.0
OWN = "the run's worker"


@dataclass(frozen=True, slots=True)
class Helpers:
    """What tells how many other workers could help at the moment, and what calls one of them to a page, by its id."""

    count: Callable[[], int] = lambda: 0
    call: Callable[[int], None] = lambda _page: None


@dataclass(slots=True, eq=False)
class Page:
    """Entries and, once they are there, their verdicts; ``posted`` is the id under which others find it."""

    entries: Sequence[EntryText]
    verdicts: list[Verdict] | None = None
    posted: int | None = None
    own: bool = False


@dataclass(slots=True)
class Crew:
    """The scripts of one server of one run; ``made`` names them and the settings that they run under.

    ``meanwhile`` is done now and then while others are waited for; what it raises ends the evaluation.
    """

    sandbox: Sandbox
    helpers: Helpers
    run_id: int
    server_id: int
    made: str
    meanwhile: Callable[[], None]
    _source: Iterator[Sequence[EntryText]] = field(init=False)
    _pages: deque[Page] = field(default_factory=deque)
    _own: deque[Page] = field(default_factory=deque)
    _helped: Cost = field(default_factory=Cost)
    _looked: float = 0.0
    _count: int = 0
    _counted: float = float("-inf")

    def cost(self) -> Cost:
        """Return what the evaluations have cost so far, here and elsewhere."""
        own = self.sandbox.cost()
        return Cost(own.entries + self._helped.entries, own.cpu_seconds + self._helped.cpu_seconds)

    def evaluate_pages(self, pages: Iterable[Sequence[EntryText]]) -> Iterator[list[Verdict]]:
        """Yield the verdicts page by page, in order; raises as the sandbox does."""
        self._source = iter(pages)
        try:
            while True:
                for verdicts in self.sandbox.evaluate_pages(self._for_us()):
                    self._own.popleft().verdicts = verdicts
                    yield from self._ready()
                if not self._pages:
                    return
                # Others still work on what is missing.
                self.meanwhile()
                time.sleep(LOOKS_EVERY)
                yield from self._ready()
        finally:
            script_pages.clear(run_id=self.run_id)

    def _for_us(self) -> Iterator[Sequence[EntryText]]:
        while (page := self._next()) is not None:
            page.own = True
            self._own.append(page)
            yield page.entries

    def _next(self) -> Page | None:
        """Return what is to be done here: what nobody has been asked to do, else what nobody has begun."""
        wanted = LAID_OUT * self._helpers()
        # Others begin before more is read for later.
        self._fill(len(self._own) + 1 + wanted)
        free = [page for page in self._pages if page.posted is None and not page.own]
        self._lay_out(free[1:], wanted)
        if wanted:
            self._fill(AHEAD + wanted)
        if free:
            return free[0]
        # Not before ours are done, so that whoever has been called can come.
        return None if self._own else self._not_begun()

    def _fill(self, most: int) -> None:
        """Take pages until there are so many."""
        while len(self._pages) < most and (entries := next(self._source, None)) is not None:
            self._pages.append(Page(entries))

    def _lay_out(self, free: Sequence[Page], wanted: int) -> None:
        """Lay out the last of these pages for others until so many are: ours are those that are wanted first."""
        missing = wanted - len(self._waiting())
        for page in free[-missing:] if missing > 0 else ():
            page.posted = script_pages.post(
                run_id=self.run_id, server_id=self.server_id, made=self.made, entries=page.entries
            )
            self.helpers.call(page.posted)

    def _not_begun(self) -> Page | None:
        """Return a page that others were asked to do and nobody works on."""
        self._collect()
        waiting = self._waiting()
        gone = script_pages.gone(waiting) if waiting else ()
        return next(
            (page for pk, page in waiting.items() if pk in gone or script_pages.claim(pk, by=OWN, refused=True)), None
        )

    def _waiting(self) -> dict[int, Page]:
        """Return the pages that others have been asked to do and have not answered, by their ids."""
        pages = (page for page in self._pages if page.verdicts is None and not page.own)
        return {page.posted: page for page in pages if page.posted is not None}

    def _helpers(self) -> int:
        """Return how many workers could help, where the scripts take so long that it is worth while to call them."""
        cost = self.cost()
        if cost.entries < KNOWN_AFTER or cost.milliseconds_per_entry < WORTH_HELP:
            return 0
        if time.monotonic() >= self._counted + COUNTS_EVERY:
            self._count, self._counted = self.helpers.count(), time.monotonic()
        return self._count

    def _ready(self) -> Iterator[list[Verdict]]:
        """Yield what is there of what is wanted next."""
        if time.monotonic() >= self._looked + LOOKS_EVERY:
            self._looked = time.monotonic()
            self._collect()
        while self._pages and (verdicts := self._pages[0].verdicts) is not None:
            self._pages.popleft()
            yield verdicts

    def _collect(self) -> None:
        """Take the answers that others have given."""
        waiting = self._waiting()
        found = script_pages.answers(waiting) if waiting else {}
        for pk, answer in found.items():
            waiting[pk].verdicts = answer.verdicts
            self._helped = Cost(
                self._helped.entries + len(answer.verdicts), self._helped.cpu_seconds + answer.cpu_seconds
            )
        if found:
            script_pages.clear(run_id=self.run_id, page_ids=found)
