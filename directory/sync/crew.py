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

# So many pages are laid out for each helper: one that it works on, and one that waits.
LAID_OUT = 2
# So many wait here besides, in the order in which their verdicts are wanted.
AHEAD = 8
# Milliseconds of scripts for each entry, known once so many were evaluated, from which on others are called.
WORTH_HELP, KNOWN_AFTER = 0.2, 100
# How often answers are looked for, in seconds.
LOOKS_EVERY = 0.05
OWN = "the run's worker"


@dataclass(frozen=True, slots=True)
class Helpers:
    """How many other workers could help at the moment, and what calls one of them to a page, by its id."""

    count: int = 0
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

    def cost(self) -> Cost:
        """Return what the evaluations have cost so far, here and elsewhere."""
        own = self.sandbox.cost()
        return Cost(own.entries + self._helped.entries, own.cpu_seconds + self._helped.cpu_seconds)

    def evaluate_pages(self, pages: Iterable[Sequence[EntryText]]) -> Iterator[list[Verdict]]:
        """Yield the verdicts page by page, in order; raises as the sandbox does."""
        if not self.helpers.count:
            yield from self.sandbox.evaluate_pages(pages)
            return
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
        self._fill()
        free = next((page for page in self._pages if page.posted is None and not page.own), None)
        if free is not None or self._own:
            return free
        self._collect()
        waiting = self._waiting()
        gone = script_pages.gone(waiting)
        return next(
            (page for pk, page in waiting.items() if pk in gone or script_pages.claim(pk, by=OWN, refused=True)), None
        )

    def _waiting(self) -> dict[int, Page]:
        """Return the pages that others have been asked to do and have not answered, by their ids."""
        pages = (page for page in self._pages if page.verdicts is None and not page.own)
        return {page.posted: page for page in pages if page.posted is not None}

    def _fill(self) -> None:
        """Take pages, and lay the last of them out for others."""
        most = AHEAD + LAID_OUT * self.helpers.count
        while len(self._pages) < most and (entries := next(self._source, None)) is not None:
            page = Page(entries)
            self._pages.append(page)
            if not self._worth_help():
                continue
            laid_out = sum(each.posted is not None and each.verdicts is None for each in self._pages)
            # The first is for us, so that somebody works on what is wanted first.
            if len(self._pages) > 1 and laid_out < LAID_OUT * self.helpers.count:
                page.posted = script_pages.post(
                    run_id=self.run_id, server_id=self.server_id, made=self.made, entries=entries
                )
                self.helpers.call(page.posted)

    def _worth_help(self) -> bool:
        """Tell whether the scripts take so long that it is worth while to hand entries over."""
        cost = self.cost()
        return cost.entries >= KNOWN_AFTER and cost.milliseconds_per_entry >= WORTH_HELP

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
