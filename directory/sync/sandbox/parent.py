"""Runs the scripts for many entries: batches, retries, and the search for the entry that a batch died of."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from directory.sync.sandbox.layers import SandboxState, refusal
from directory.sync.sandbox.limits import MEMORY_MESSAGE, Cost, SandboxBroken, SandboxLimits
from directory.sync.sandbox.process import Child, ChildDied
from directory.sync.sandbox.wire import SCRIPTS, Answer, Packer, Request, source_of
from directory.sync.sandbox.worker import RequestFailed, Worker
from directory.sync.values import Entry, ScriptError, ScriptName, Scripts, Verdict

FIRST_BATCH = 1
# Parts of the time of one entry: a batch that took more is halved, one that took less may grow.
SLOW_BATCH = 0.2
QUICK_BATCH = 0.05
TRIES = 3
# Entries that each get a realm of their own go to two children, two on the way to each, so many before deaths are seen to.
WORKERS = 2
ON_THE_WAY = 2
FRESH_SLICE = 16
# What these leave behind runs, and holds memory, until a whole batch is done.
LEAVES_WORK_BEHIND = re.compile(r"\b(?:async|import)\b")


class PackedAhead:
    """Packs the entries after a batch while the child is busy with it."""

    def __init__(self, packer: Packer, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self._packer = packer
        self._start = -1
        self._request = Request(b"", 0)

    def prepare(self, start: int, size: int) -> None:
        if start < len(self.entries):
            self._start = start
            self._request = self._packer.pack(self.entries[start : start + size])

    def take(self, start: int, size: int) -> Request:
        if self._start != start or self._request.count > size:
            self.prepare(start, size)
        return self._request


class Sandbox:
    """Evaluates one server's scripts in locked child processes; use it as a context manager, from one thread.

    A child starts with the first evaluation and is replaced when an entry brings it down.
    """

    def __init__(
        self,
        scripts: Scripts,
        always_lists: Collection[str],
        limits: SandboxLimits = SandboxLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._limits = limits
        self._packer = Packer(always_lists, limits.batch_bytes)
        self._sources = {script: source for script in SCRIPTS if (source := source_of(scripts, script)).strip()}
        self._apart = any(LEAVES_WORK_BEHIND.search(source) for source in self._sources.values())
        self._errors: dict[ScriptName, ScriptError] | None = None
        self._workers = [Worker(scripts, self._sources, limits) for _ in range(min(WORKERS, os.cpu_count() or 1))]
        self._worker = self._workers[0]
        self._batch = FIRST_BATCH
        self._culprits = 0
        self._cost = Cost()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child processes."""
        for worker in self._workers:
            worker.close()

    def cost(self) -> Cost:
        """Return what the evaluations have cost so far; second opinions are not among them."""
        return self._cost

    def compile_errors(self) -> dict[ScriptName, ScriptError]:
        """Return the scripts that cannot be run at all; raises SandboxBroken."""
        if self._errors is None:
            found = {script: self._load_error(script) for script in self._sources}
            self._errors = {script: error for script, error in found.items() if error}
        return dict(self._errors)

    def evaluate(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Return a verdict for each entry, in their order; raises SandboxBroken, and then none of them counts."""
        if (known := self._known()) is not None:
            return [known] * len(entries)
        before = self._spent
        verdicts = self._in_fresh_realms(entries) if self._apart else self._in_batches(entries)
        spent = self._cost.cpu_seconds + self._spent - before
        self._cost = Cost(self._cost.entries + len(entries), spent)
        return verdicts

    def second_opinion(self, entry: Entry) -> Verdict:
        """Return what the scripts say of one entry in a realm that has seen no other; raises SandboxBroken."""
        return self.second_opinions([entry])[0]

    def second_opinions(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Return what the scripts say of each entry, each in a realm of its own; raises SandboxBroken."""
        known = self._known()
        return self._in_fresh_realms(entries) if known is None else [known] * len(entries)

    def _known(self) -> Verdict | None:
        """Return the verdict on every entry when no script has to be run for it."""
        if errors := self.compile_errors():
            return Verdict(error=next(iter(errors.values())))
        return None if self._sources else Verdict()

    def _in_batches(self, entries: Sequence[Entry]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        ahead = PackedAhead(self._packer, entries)
        while (start := len(verdicts)) < len(entries):
            before = self._spent
            verdicts += [self._alone(entries[start])] if self._batch == 1 else self._together(ahead, start)
            self._adapt(self._spent - before)
            self._keep_to_budget()
        return verdicts

    def _together(self, ahead: PackedAhead, start: int) -> list[Verdict]:
        request = ahead.take(start, self._batch)
        try:
            answers = self._worker.together(
                request, meanwhile=lambda: ahead.prepare(start + request.count, self._batch)
            )
        except (ChildDied, RequestFailed):
            return self._one_by_one(ahead.entries[start : start + request.count])
        # Memory can have run out for an entry that only came after the one that took it.
        if any(answer.limit for answer in answers):
            return self._one_by_one(ahead.entries[start : start + request.count])
        return [answer.verdict for answer in answers]

    def _adapt(self, cpu_seconds: float) -> None:
        # A batch has the time of one entry, so slow scripts get small batches instead of being stopped.
        part = cpu_seconds / self._limits.cpu_seconds_per_entry
        if part > SLOW_BATCH:
            self._batch = max(1, self._batch // 2)
        elif part < QUICK_BATCH:
            self._batch = min(self._limits.batch_size, self._batch * 2)

    def _one_by_one(self, entries: Sequence[Entry]) -> list[Verdict]:
        before = self._culprits
        verdicts = self._in_fresh_realms(entries)
        # Nobody did it alone: together they were too much. All of them did: a batch only costs time.
        if self._culprits == before:
            self._batch = max(1, self._batch // 4)
        elif self._culprits == before + len(entries):
            self._batch = 1
        return verdicts

    def _in_fresh_realms(self, entries: Sequence[Entry]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for start in range(0, len(entries), FRESH_SLICE):
            part = entries[start : start + FRESH_SLICE]
            # All answers first: an entry is only tried again while no other is on its way.
            for entry, answer in zip(part, list(self._fresh_answers(part)), strict=True):
                verdicts.append(self._alone(entry) if answer is None else self._counted(answer))
            self._keep_to_budget()
        return verdicts

    def _fresh_answers(self, entries: Sequence[Entry]) -> Iterator[Answer | None]:
        """Yield an answer for each entry, None where there came none; all workers are busy meanwhile."""
        workers = self._workers if len(entries) > ON_THE_WAY else self._workers[:1]
        tickets: list[Child | None] = []
        ahead = ON_THE_WAY * len(workers)
        for number in range(len(entries) + ahead):
            worker = workers[number % len(workers)]
            if number >= ahead:
                try:
                    yield worker.finish(tickets[number - ahead])
                except (ChildDied, RequestFailed):
                    yield None
            if number < len(entries):
                tickets.append(worker.begin(self._packer.pack([entries[number]])))

    def _alone(self, entry: Entry) -> Verdict:
        """Run the scripts one at a time, so that the one that dies is known."""
        verdict = Verdict()
        for script in self._sources:
            said = self._counted(self._alone_by(entry, script))
            said = replace(said, varies=said.varies or verdict.varies)
            if said.error or not said.active:
                return said
            verdict = replace(verdict, varies=said.varies)
            if script is ScriptName.ORG_NAME:
                verdict = replace(verdict, org_name=said.org_name)
            if script is ScriptName.ROLE_NAME:
                verdict = replace(verdict, roles=said.roles)
        return verdict

    def _alone_by(self, entry: Entry, script: ScriptName) -> Answer:
        request = self._packer.pack([entry], [script])
        reason = ""
        for _ in range(TRIES):
            try:
                return self._worker.alone(request)
            except RequestFailed as error:
                reason = str(error)
                return Answer(Verdict(error=ScriptError(script, reason)), limit=reason == MEMORY_MESSAGE)
            except ChildDied as death:
                reason = str(death)
                # Anything but computing time may come from outside, such as a kill, and is tried again.
                if death.certain:
                    break
        return Answer(Verdict(error=ScriptError(script, reason)), limit=True)

    def _counted(self, answer: Answer) -> Verdict:
        error = answer.verdict.error
        if not answer.limit or error is None:
            return answer.verdict
        self._culprits += 1
        if self._culprits > self._limits.culprits:
            raise SandboxBroken(
                f"The {error.script} script had to be stopped for more than {self._limits.culprits} entries "
                f"({error.message}). The run was ended and nothing was applied."
            )
        return answer.verdict

    @property
    def _spent(self) -> float:
        return sum(worker.cpu_seconds for worker in self._workers)

    def _keep_to_budget(self) -> None:
        if self._spent > self._limits.cpu_seconds:
            raise SandboxBroken(
                f"The scripts used more than {self._limits.cpu_seconds / 60:g} minutes of computing time altogether. "
                "Make them simpler. The run was ended and nothing was applied."
            )

    def _load_error(self, script: ScriptName) -> ScriptError | None:
        if len(self._sources[script].encode("utf-8", "surrogatepass")) > self._limits.source_bytes:
            return ScriptError(script, f"is longer than {self._limits.source_bytes // 1024} KB")
        reason = ""
        for _ in range(TRIES):
            try:
                return self._worker.load(script)
            except ChildDied as death:
                reason = f"cannot be loaded: {death}"
                if death.certain:
                    break
        return ScriptError(script, reason)


def compile_errors(scripts: Scripts, limits: SandboxLimits = SandboxLimits()) -> dict[ScriptName, ScriptError]:  # noqa: B008
    """Return the scripts that do not compile or are not exactly one function; raises SandboxBroken."""
    with Sandbox(scripts, (), limits) as sandbox:
        return sandbox.compile_errors()


def state(limits: SandboxLimits = SandboxLimits()) -> SandboxState:  # noqa: B008
    """Start a child and return which layers lock it, and why scripts don't run if they don't."""
    try:
        child = Child(replace(limits, allow_weak=True))
    except SandboxBroken as error:
        return SandboxState(problem=str(error))
    child.close()
    return SandboxState(child.layers, "" if limits.allow_weak else refusal(child.layers))
