"""The sandbox's interface for the rest of Rollcall: it takes scripts and entries, and returns verdicts."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import chain
from types import TracebackType
from typing import Any, Self

from directory.scripts.sandbox.batch_scheduler import Batches, Pace
from directory.scripts.sandbox.child_process import Child, ChildDied
from directory.scripts.sandbox.child_supervisor import ChildSupervisor
from directory.scripts.sandbox.isolated_evaluation import TRIES, IsolatedEvaluation
from directory.scripts.sandbox.protections import SandboxState, refusal
from directory.scripts.sandbox.protocol import EntryText, Packer, with_line_feeds
from directory.scripts.sandbox.resource_limits import Cost, SandboxBroken, SandboxLimits
from directory.values.ldap import Entry
from directory.values.scripts import RequestedAttributes, Script, ScriptError, Scripts, Verdict

# One child for each core, up to this many: one process could hardly feed more.
MOST_CHILDREN = 8


class Sandbox:
    """Evaluates one server's scripts in locked child processes; use it as a context manager, from one thread.

    A child starts with the first evaluation, further ones when there is enough work, and each is replaced when an entry
    kills it. A script that reads an attribute that was not ``requested`` (None: all were) fails.
    """

    def __init__(
        self,
        scripts: Scripts,
        always_lists: Collection[str],
        limits: SandboxLimits = SandboxLimits(),  # noqa: B008 - frozen
        requested: RequestedAttributes | None = None,
    ) -> None:
        self._limits = limits
        self._packer = Packer(always_lists, limits.batch_bytes)
        self._sources = {script: with_line_feeds(source) for script, source in scripts.items() if source.strip()}
        # True for asynchronous scripts: their leftover work runs, and holds memory, until a whole batch is done.
        self._isolated = False
        self._errors: dict[Script[Any], ScriptError] | None = None
        self._supervisors = [
            ChildSupervisor(self._sources, limits, requested) for _ in range(min(MOST_CHILDREN, cores()))
        ]
        self._supervisor = self._supervisors[0]
        self._search = IsolatedEvaluation(self._supervisors, self._packer, self._sources, limits)
        self._pace = Pace(limits)
        self._busy = False
        self._cost = Cost()
        # The computing time of all children when the last verdicts were counted.
        self._counted = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child processes."""
        for supervisor in self._supervisors:
            supervisor.close()

    def cost(self) -> Cost:
        """Return the cost of the evaluations so far, without second opinions."""
        return self._cost

    def compile_errors(self) -> dict[Script[Any], ScriptError]:
        """Return the errors of scripts that can't run at all; raises SandboxBroken."""
        if self._errors is None:
            found = {script: self._load_error(script) for script in self._sources}
            self._errors = {script: error for script, error in found.items() if error}
        return dict(self._errors)

    def evaluate(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Return a verdict for each entry, in order; raises SandboxBroken, and then no verdict counts."""
        return [verdict for verdicts in self._pages([entries], total=len(entries)) for verdict in verdicts]

    def evaluate_pages(
        self, pages: Iterable[Sequence[Entry | EntryText]], *, total: int | None = None
    ) -> Iterator[list[Verdict]]:
        """Yield the verdicts page by page, while the children work on later pages; raises SandboxBroken.

        ``total`` is the approximate number of entries, if known: for many entries further children start at once. Some pages are
        taken before the verdicts of the first page are yielded. The sandbox does no other evaluation until the last page is
        yielded or the iterator is closed.
        """
        return self._pages(pages, total=total)

    def second_opinions(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Return a verdict for each entry, each from a fresh realm; raises SandboxBroken."""
        with self._alone_at_work():
            verdict = self._without_scripts()
            return self._in_fresh_realms(entries) if verdict is None else [verdict] * len(entries)

    @contextmanager
    def _alone_at_work(self) -> Iterator[None]:
        if self._busy:
            raise RuntimeError("the sandbox is busy with pages of which not all verdicts have been taken")
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _without_scripts(self) -> Verdict | None:
        """Return the verdict for every entry when no script has to run: an error, or the empty one; else None."""
        if errors := self.compile_errors():
            return Verdict(error=next(iter(errors.values())))
        return None if self._sources else Verdict()

    def _pages(
        self, pages: Iterable[Sequence[Entry | EntryText]], *, total: int | None = None
    ) -> Iterator[list[Verdict]]:
        with self._alone_at_work():
            coming = iter(pages)
            first = next(coming, None)
            # Most syncs have no entry to evaluate: do not start a child for them.
            if first is None:
                return
            pages = chain([first], coming)
            if (verdict := self._without_scripts()) is not None:
                yield from ([verdict] * len(page) for page in pages)
                return
            self._counted = self._search.spent
            if not self._isolated:
                yield from self._in_batches(pages, total)
                return
            for page in pages:
                verdicts = self._in_fresh_realms(page)
                self._count(verdicts)
                yield verdicts

    def _count(self, verdicts: Sequence[Verdict]) -> None:
        """Add these verdicts, and the computing time since the previous ones, to the cost."""
        spent = self._search.spent
        self._cost = Cost(self._cost.entries + len(verdicts), self._cost.cpu_seconds + spent - self._counted)
        self._counted = spent

    def _in_fresh_realms(self, entries: Sequence[Entry | EntryText]) -> list[Verdict]:
        return self._search.in_fresh_realms([self._packer.row(entry) for entry in entries])

    def _in_batches(self, pages: Iterable[Sequence[Entry | EntryText]], total: int | None) -> Iterator[list[Verdict]]:
        sizes: deque[int] = deque()
        batches = Batches(
            _one_by_one(pages, sizes),
            self._supervisors,
            self._packer,
            self._search,
            self._pace,
            limits=self._limits,
            total=total,
        )
        ready: list[Verdict] = []
        with closing(batches.verdicts()) as found:
            for verdicts in found:
                self._count(verdicts)
                ready += verdicts
                while sizes and len(ready) >= sizes[0]:
                    size = sizes.popleft()
                    page, ready = ready[:size], ready[size:]
                    yield page
        # Empty pages at the end.
        yield from ([] for _ in sizes)

    def _load_error(self, script: Script[Any]) -> ScriptError | None:
        if len(self._sources[script].encode("utf-8", "surrogatepass")) > self._limits.source_bytes:
            return ScriptError(script, f"is longer than {self._limits.source_bytes // 1024} KB")
        reason = ""
        for _ in range(TRIES):
            try:
                loaded = self._supervisor.load(script)
            except ChildDied as death:
                reason = f"cannot be loaded: {death}"
                if death.certain:
                    break
            else:
                self._isolated = self._isolated or loaded.leaves_work_behind
                return loaded.error
        return ScriptError(script, reason)


def _one_by_one(pages: Iterable[Sequence[Entry | EntryText]], sizes: deque[int]) -> Iterator[Entry | EntryText]:
    """Yield the entries of all pages, and append each page's size to ``sizes`` before its entries."""
    for page in pages:
        sizes.append(len(page))
        yield from page


def cores() -> int:
    """Return the number of cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compile_errors(scripts: Scripts, limits: SandboxLimits = SandboxLimits()) -> dict[Script[Any], ScriptError]:  # noqa: B008
    """Return the errors of scripts that do not compile or are not exactly one function; raises SandboxBroken."""
    with Sandbox(scripts, (), limits) as sandbox:
        return sandbox.compile_errors()


def state(limits: SandboxLimits = SandboxLimits()) -> SandboxState:  # noqa: B008
    """Start a child and return its layers, and why scripts can't run, if so."""
    try:
        child = Child(replace(limits, allow_weak=True))
    except SandboxBroken as error:
        return SandboxState(problem=str(error))
    child.close()
    return SandboxState(child.layers, "" if limits.allow_weak else refusal(child.layers))
