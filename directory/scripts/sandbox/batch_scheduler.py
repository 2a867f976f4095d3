"""Keeps all child processes busy with batches of entries, and returns the verdicts in the order of the entries."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil

from directory.scripts.sandbox.child_process import ChildDied, first_to_answer
from directory.scripts.sandbox.child_supervisor import ON_THE_WAY, ChildSupervisor, RequestFailed
from directory.scripts.sandbox.isolated_evaluation import IsolatedEvaluation
from directory.scripts.sandbox.protocol import EntryAnswer, EntryText, PackedEntry, Packer
from directory.scripts.sandbox.resource_limits import SandboxLimits
from directory.values.ldap import Entry
from directory.values.scripts import Verdict

FIRST_BATCH = 1
# Shares of the time limit of one entry: a batch above the first is halved, a batch below the second may grow.
SLOW_BATCH = 0.2
QUICK_BATCH = 0.05
# Seconds of known work from which on another child is started; its start takes about as long.
WORTH_A_CHILD = 0.1
# At the end the rest is divided among the children, but into batches of at least this many seconds.
WORTH_A_BATCH = 0.004
# A realm can be spoiled before its first entry. When the same batch gets no answer in a second realm, it is to blame.
EMPTY_ANSWERS = 2
# The most batches for each child that wait for a slower batch before them.
WAITING = 8


class Pace:
    """The scripts' speed as measured so far: the number of entries in a batch, and the time of one entry."""

    def __init__(self, limits: SandboxLimits) -> None:
        self.batch = FIRST_BATCH
        self._limits = limits
        self._entries = 0
        self._cpu_seconds = 0.0

    @property
    def seconds(self) -> float:
        """The computing time of one entry in seconds; 0 before the first."""
        return self._cpu_seconds / self._entries if self._entries else 0.0

    def learn(self, count: int, cpu_seconds: float) -> None:
        """Add the cost of a batch of ``count`` entries."""
        self._entries += count
        self._cpu_seconds += cpu_seconds
        # A whole batch has the time limit of one entry: slow scripts get small batches instead of being stopped.
        part = cpu_seconds / self._limits.cpu_seconds_per_entry
        if part > SLOW_BATCH:
            self.batch = max(1, min(self.batch, count // 2))
        elif part < QUICK_BATCH:
            # A small batch, sent before batches grew, proves nothing about batches more than twice its size.
            self.batch = max(self.batch, min(self._limits.batch_size, 2 * self.batch, 2 * count))

    def learn_from_search(self, count: int, culprits: int) -> None:
        """Add the number of culprits in a batch of ``count`` entries whose child died."""
        # No culprit: only together the entries were too much. All are culprits: batches only cost time.
        if culprits == 0:
            self.batch = max(1, self.batch // 4)
        elif culprits == count:
            self.batch = 1


@dataclass(slots=True)
class EntryBatch:
    """Entries that are sent together; ``start`` is the first one's number, ``empty`` counts replies without answers."""

    start: int
    rows: Sequence[PackedEntry]
    empty: int = 0


class Batches:
    """One evaluation: the batches that wait to be sent, those sent to the children, and the verdicts.

    ``total`` is the number of entries, None if unknown.
    """

    def __init__(
        self,
        entries: Iterator[Entry | EntryText],
        supervisors: Sequence[ChildSupervisor],
        packer: Packer,
        search: IsolatedEvaluation,
        pace: Pace,
        *,
        limits: SandboxLimits,
        total: int | None = None,
    ) -> None:
        self._entries = entries
        self._supervisors = supervisors
        self._packer = packer
        self._search = search
        self._pace = pace
        self._limits = limits
        self._total = total
        self._on_the_way: dict[ChildSupervisor, deque[EntryBatch]] = {supervisor: deque() for supervisor in supervisors}
        self._again: deque[EntryBatch] = deque()
        self._failed: list[EntryBatch] = []
        self._done: dict[int, list[Verdict]] = {}
        self._taken = 0
        self._given = 0
        self._careful = True

    def verdicts(self) -> Generator[list[Verdict], None, None]:
        """Yield the verdicts as they come, in the order of the entries; raises SandboxBroken."""
        try:
            while True:
                self._send_what_can_be_sent()
                if any(self._on_the_way.values()):
                    self._receive()
                elif not self._evaluate_isolated():
                    return
                if self._failed:
                    self._find_culprits()
                self._search.keep_to_budget()
                while (verdicts := self._done.pop(self._given, None)) is not None:
                    self._given += len(verdicts)
                    yield verdicts
        finally:
            # The next evaluation must not get the answers to these batches.
            for supervisor in self._busy():
                supervisor.close()

    def _busy(self) -> list[ChildSupervisor]:
        return [supervisor for supervisor, batches in self._on_the_way.items() if batches]

    # ---- out ----

    def _send_what_can_be_sent(self) -> None:
        # With batches of one entry, each entry goes into a realm of its own, and not through here.
        while self._pace.batch > 1 and not self._failed:
            supervisor = self._free_supervisor()
            batch = self._next_batch(self._share()) if supervisor else None
            if supervisor is None or batch is None:
                return
            try:
                supervisor.send(self._packer.request(batch.rows))
            except ChildDied:
                self._blame_the_oldest(supervisor, batch)
            else:
                self._on_the_way[supervisor].append(batch)

    def _free_supervisor(self) -> ChildSupervisor | None:
        """Return the supervisor of a running child with the fewest batches, else one to start; None when all have enough."""
        running = [supervisor for supervisor in self._supervisors if supervisor.child]
        free = [supervisor for supervisor in running if supervisor.takes_more]
        if free:
            return min(free, key=lambda supervisor: len(self._on_the_way[supervisor]))
        if running and not self._is_worth_a_child():
            return None
        return next((supervisor for supervisor in self._supervisors if not supervisor.child), None)

    def _is_worth_a_child(self) -> bool:
        expected = 0 if self._total is None else (self._total - self._taken) * self._pace.seconds
        return max(expected, self._search.spent) > WORTH_A_CHILD

    def _share(self) -> int:
        """Return the number of entries of the next batch: fewer at the end, so that all children end together."""
        if self._total is None or not self._pace.seconds:
            return self._pace.batch
        left = self._total - self._taken + sum(len(batch.rows) for batch in self._again)
        even = ceil(left / len(self._supervisors) / ON_THE_WAY)
        return min(self._pace.batch, max(even, ceil(WORTH_A_BATCH / self._pace.seconds)))

    def _next_batch(self, size: int) -> EntryBatch | None:
        """Return the next batch: one to send again, else the next entries; None when there is none or too many wait."""
        if not self._again:
            if self._taken - self._given > WAITING * len(self._supervisors) * self._limits.batch_size:
                return None
            rows = [self._packer.row(entry) for entry in islice(self._entries, size)]
            if not rows:
                return None
            self._again.append(EntryBatch(self._taken, rows))
            self._taken += len(rows)
        batch = self._again.popleft()
        fitting = self._packer.fitting(batch.rows[:size])
        if fitting < len(batch.rows):
            self._again.appendleft(EntryBatch(batch.start + fitting, batch.rows[fitting:]))
            batch = EntryBatch(batch.start, batch.rows[:fitting], batch.empty)
        return batch

    # ---- back ----

    def _receive(self) -> None:
        """Receive the next answer, from the child that has one first."""
        busy = {supervisor.child: supervisor for supervisor in self._busy() if supervisor.child}
        supervisor = busy[first_to_answer(list(busy), self._limits.wall_seconds)]
        batch = self._on_the_way[supervisor].popleft()
        before = supervisor.cpu_seconds
        try:
            answers = supervisor.answers(len(batch.rows))
        except (ChildDied, RequestFailed):
            self._failed.append(batch)
        else:
            self._accept(batch, answers, supervisor.cpu_seconds - before)
        if supervisor.child is None:
            self._send_again(supervisor)

    def _accept(self, batch: EntryBatch, answers: list[EntryAnswer] | None, cpu_seconds: float) -> None:
        if answers is None:
            self._again.append(batch)
        elif not answers:
            # An earlier entry left work behind that spoiled the realm.
            batch.empty += 1
            (self._failed if batch.empty == EMPTY_ANSWERS else self._again).append(batch)
        elif any(answer.limit for answer in answers):
            # Memory may have run out for an entry after the one that used it up.
            self._failed.append(batch)
        else:
            self._pace.learn(len(answers), cpu_seconds)
            self._done[batch.start] = [answer.verdict for answer in answers]
            if rest := batch.rows[len(answers) :]:
                self._again.append(EntryBatch(batch.start + len(answers), rest))

    def _send_again(self, supervisor: ChildSupervisor) -> None:
        """Queue again the batches that were sent to a dead child: it has not begun them."""
        self._again.extend(self._on_the_way[supervisor])
        self._on_the_way[supervisor].clear()

    def _blame_the_oldest(self, supervisor: ChildSupervisor, batch: EntryBatch) -> None:
        """Mark the oldest batch as failed: the child was dead when this batch was sent, and an earlier one may be the cause."""
        waiting = self._on_the_way[supervisor]
        waiting.append(batch)
        self._failed.append(waiting.popleft())
        self._send_again(supervisor)

    # ---- one by one ----

    def _find_culprits(self) -> None:
        """Evaluate the entries of failed batches again, one by one, while no other batch is with a child."""
        while any(self._on_the_way.values()):
            self._receive()
        failed, self._failed = self._failed, []
        for batch in sorted(failed, key=lambda batch: batch.start):
            before, spent = self._search.culprits, self._search.spent
            self._done[batch.start] = self._search.in_fresh_realms(batch.rows)
            self._pace.learn_from_search(len(batch.rows), self._search.culprits - before)
            self._pace.learn(len(batch.rows), self._search.spent - spent)

    def _evaluate_isolated(self) -> bool:
        """Evaluate a few entries without a batch: the first one, and those of very slow scripts; return False if none is left."""
        batch = self._next_batch(1 if self._careful else ON_THE_WAY * len(self._supervisors))
        if batch is None:
            return False
        before, spent = self._search.culprits, self._search.spent
        if len(batch.rows) == 1:
            verdicts = [self._search.alone(batch.rows[0])]
        else:
            verdicts = self._search.in_fresh_realms(batch.rows)
        self._done[batch.start] = verdicts
        self._pace.learn(1, (self._search.spent - spent) / len(verdicts))
        # An entry whose child dies runs again, script by script: when many die, sending several at once gains nothing.
        self._careful = self._search.culprits > before
        return True
