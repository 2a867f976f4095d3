"""Spreads the script evaluation of one run over this worker and others, a bounded number of batches at a time.

The verdicts on a batch do not depend on which worker evaluates it, or how often. A batch that another worker took but
does not work on any more is evaluated here, so a run also ends without other workers.
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

# Batches published per remote worker: one running, two queued. Once all entries are known, only one is queued, because a
# published batch can't be cut any more.
PUBLISHED, PUBLISHED_AT_END = 3, 2
# Batches get smaller at the end, so that all workers end together. For fewer entries, sending takes longer than
# evaluating.
SMALLEST = 20
# Batches that are fetched ahead besides the published ones.
PREFETCHED = 8
# Other workers are called when scripts take at least WORTH_HELP milliseconds per entry; this is known after KNOWN_AFTER
# entries.
WORTH_HELP, KNOWN_AFTER = 0.2, 100
# Seconds between two looks for verdicts, and between two counts and calls of workers. A worker that has come stays until
# no batch waits; a worker that was busy may be free at the next call.
LOOKS_EVERY, COUNTS_EVERY = 0.05, 2.0
# Seconds of sleep while other workers evaluate the last batches.
WAITS = 0.02
OWN = "the run's worker"


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """The other workers: ``count`` returns how many can evaluate batches now, ``call`` calls one to a batch by its id."""

    count: Callable[[], int] = lambda: 0
    call: Callable[[int], None] = lambda _batch_id: None


# For runs without other workers.
NO_WORKERS = WorkerPool()


@dataclass(slots=True, eq=False)
class Batch:
    """Entries and, once evaluated, their verdicts; ``row_id`` is the id of the published batch.

    ``last`` is True for the last batch of a page: a page may be cut into several.
    """

    entries: Sequence[EntryText]
    last: bool = True
    verdicts: list[Verdict] | None = None
    row_id: int | None = None
    own: bool = False


@dataclass(slots=True)
class EvaluationDispatcher:
    """Evaluates the entries of one server in one run; ``evaluation_fingerprint`` is the server's.

    ``meanwhile`` is called repeatedly while this worker waits for others; an exception from it ends the evaluation.
    """

    sandbox: Sandbox
    workers: WorkerPool
    run_id: int
    server_id: int
    evaluation_fingerprint: str
    meanwhile: Callable[[], None]
    _source: Iterator[Sequence[EntryText]] = field(init=False)
    _batches: deque[Batch] = field(default_factory=deque)
    _own: deque[Batch] = field(default_factory=deque)
    _ready_parts: list[Verdict] = field(default_factory=list)
    _all_read: bool = False
    _helped: Cost = field(default_factory=Cost)
    _before: Cost | None = None
    _looked: float = 0.0
    _count: int = 0
    _to_call: int = 0
    _counted: float = float("-inf")

    def cost(self) -> Cost:
        """Return the cost of the evaluations so far, here and on other workers."""
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
                if not self._batches:
                    return
                self.meanwhile()
                self._looked = float("-inf")
                if not self._free():
                    # Other workers still evaluate the missing batches.
                    time.sleep(WAITS)
                yield from self._ready()
        finally:
            evaluation_batches.clear(run_id=self.run_id)

    def _for_us(self) -> Iterator[Sequence[EntryText]]:
        while (batch := self._next()) is not None:
            batch.own = True
            self._own.append(batch)
            yield batch.entries

    def _next(self) -> Batch | None:
        """Return the batch to evaluate here: an unpublished one, else one that no other worker has begun; None for none."""
        others = self._other_workers()
        published = PUBLISHED * others
        # Read only the entries needed now, so that other workers can begin before more are read ahead.
        self._fill(len(self._own) + 1 + published)
        own = self._first_free(others)
        if others:
            self._publish(others)
            self._fill(PREFETCHED + published)
        if own is not None:
            return own
        # Take published batches only after our own ones, so that a called worker has time to come.
        return None if self._own else self._not_begun()

    def _fill(self, most: int) -> None:
        """Take entries until there are ``most`` batches."""
        while len(self._batches) < most and not self._all_read:
            entries = next(self._source, None)
            if entries is None:
                self._all_read = True
            else:
                self._batches.append(Batch(entries))

    def _first_free(self, others: int) -> Batch | None:
        """Return the first unpublished batch, to be evaluated here; None for none."""
        free = self._free()
        size = self._size(free, others)
        # At the end the sandbox must not have more entries than this queued either.
        if not free or (self._all_read and others and sum(len(batch.entries) for batch in self._own) >= size):
            return None
        own = self._cut(free[0], size) if len(free[0].entries) > size else free[0]
        own.own = True
        return own

    def _free(self) -> list[Batch]:
        return [batch for batch in self._batches if batch.row_id is None and not batch.own]

    def _size(self, free: Sequence[Batch], others: int) -> int:
        """Return the size of the next batch: all free entries; once all are known, half of a worker's share of the rest."""
        left = sum(len(batch.entries) for batch in free)
        return max(SMALLEST, ceil(left / (others + 1) / 2)) if self._all_read and others else left

    def _cut(self, batch: Batch, size: int) -> Batch:
        """Cut ``size`` entries off the beginning of a batch, and return them as a new batch."""
        first = Batch(batch.entries[:size], last=False)
        batch.entries = batch.entries[size:]
        self._batches.insert(self._batches.index(batch), first)
        return first

    def _publish(self, others: int) -> None:
        """Publish the last batches until enough are published; the first ones are needed first, so they are evaluated here."""
        missing = others * (PUBLISHED_AT_END if self._all_read else PUBLISHED) - len(self._waiting())
        published: list[int] = []
        while len(published) < missing and (free := self._free()):
            batch, size = free[-1], self._size(free, others)
            if len(batch.entries) > size:
                self._cut(batch, len(batch.entries) - size)
            batch.row_id = evaluation_batches.post(
                run_id=self.run_id,
                server_id=self.server_id,
                fingerprint=self.evaluation_fingerprint,
                entries=batch.entries,
            )
            published.append(batch.row_id)
        for row_id in published[: self._to_call]:
            self._to_call -= 1
            self.workers.call(row_id)

    def _not_begun(self) -> Batch | None:
        """Return a published batch that no other worker works on; None for none."""
        self._collect()
        waiting = self._waiting()
        gone = evaluation_batches.gone(waiting) if waiting else ()
        return next(
            (
                batch
                for pk, batch in waiting.items()
                if pk in gone or evaluation_batches.claim(pk, by=OWN, refused=True)
            ),
            None,
        )

    def _waiting(self) -> dict[int, Batch]:
        """Return the published batches without verdicts, by the ids of their rows."""
        batches = (batch for batch in self._batches if batch.verdicts is None and not batch.own)
        return {batch.row_id: batch for batch in batches if batch.row_id is not None}

    def _other_workers(self) -> int:
        """Return the number of other workers that can evaluate batches; 0 when the scripts are too quick to be worth a call."""
        cost = self._known_cost()
        if cost.entries < KNOWN_AFTER or cost.milliseconds_per_entry < WORTH_HELP:
            return 0
        if time.monotonic() >= self._counted + COUNTS_EVERY:
            self._count = self._to_call = self.workers.count()
            self._counted = time.monotonic()
        return self._count

    def _known_cost(self) -> Cost:
        """Return the cost of the evaluations so far; before enough entries are evaluated, the cost in an earlier run."""
        cost = self.cost()
        if cost.entries >= KNOWN_AFTER:
            return cost
        if self._before is None:
            self._before = remote_worker.cost_before(self.server_id, self.evaluation_fingerprint)
        return self._before

    def _ready(self) -> Iterator[list[Verdict]]:
        """Yield the verdicts of the next complete pages."""
        if time.monotonic() >= self._looked + LOOKS_EVERY:
            self._looked = time.monotonic()
            self._collect()
        while self._batches and (verdicts := self._batches[0].verdicts) is not None:
            self._ready_parts += verdicts
            if self._batches.popleft().last:
                page, self._ready_parts = self._ready_parts, []
                yield page

    def _collect(self) -> None:
        """Take the verdicts that other workers have stored."""
        waiting = self._waiting()
        found = evaluation_batches.answers(waiting) if waiting else {}
        for pk, answer in found.items():
            waiting[pk].verdicts = answer.verdicts
            self._helped = Cost(
                self._helped.entries + len(answer.verdicts), self._helped.cpu_seconds + answer.cpu_seconds
            )
        if found:
            evaluation_batches.clear(run_id=self.run_id, batch_ids=found)
