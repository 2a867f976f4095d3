"""Runs the scripts for many entries: batches, retries, and the search for the entry that a batch died of."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from directory.sync.sandbox.limits import SandboxBroken, SandboxLimits
from directory.sync.sandbox.process import Child, ChildDied
from directory.sync.sandbox.wire import (
    SCRIPTS,
    Answer,
    BadAnswer,
    Packer,
    Request,
    pack_source,
    source_of,
    unpack_answers,
    unpack_failure,
    unpack_load,
)
from directory.sync.values import Entry, ScriptError, ScriptName, Scripts, Verdict

FIRST_BATCH = 1
SLOW_BATCH = 0.2
QUICK_BATCH = 0.05
TRIES = 3


class RequestFailed(Exception):
    """The engine gave up a whole request; the message says why."""


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
    """Evaluates one server's scripts in a locked child process; use it as a context manager, from one thread.

    The child starts with the first evaluation and is replaced when an entry brings it down.
    """

    def __init__(
        self,
        scripts: Scripts,
        always_lists: Collection[str],
        limits: SandboxLimits = SandboxLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._scripts = scripts
        self._limits = limits
        self._packer = Packer(always_lists, limits.batch_bytes)
        self._sources = {script: source for script in SCRIPTS if (source := source_of(scripts, script)).strip()}
        self._errors: dict[ScriptName, ScriptError] | None = None
        self._child: Child | None = None
        self._fresh = True
        self._batch = FIRST_BATCH
        self._culprits = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child process."""
        if self._child is not None:
            self._child.close()
            self._child = None
        self._fresh = True

    def compile_errors(self) -> dict[ScriptName, ScriptError]:
        """Return the scripts that cannot be run at all; raises SandboxBroken."""
        if self._errors is None:
            self._errors = {}
            for script in self._sources:
                if error := self._load_error(script):
                    self._errors[script] = error
                    self._fresh = True
        return dict(self._errors)

    def evaluate(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Return a verdict for each entry, in their order; raises SandboxBroken, and then none of them counts."""
        if errors := self.compile_errors():
            return [Verdict(error=next(iter(errors.values())))] * len(entries)
        if not self._sources:
            return [Verdict()] * len(entries)
        verdicts: list[Verdict] = []
        ahead = PackedAhead(self._packer, entries)
        while (start := len(verdicts)) < len(entries):
            started = time.monotonic()
            verdicts += [self._alone(entries[start])] if self._batch == 1 else self._together(ahead, start)
            self._adapt(time.monotonic() - started)
        return verdicts

    def _together(self, ahead: PackedAhead, start: int) -> list[Verdict]:
        request = ahead.take(start, self._batch)
        try:
            answers = self._ask(request, meanwhile=lambda: ahead.prepare(start + request.count, self._batch))
        except (ChildDied, RequestFailed):
            return self._one_by_one(ahead.entries[start : start + request.count])
        return [self._counted(answer) for answer in answers]

    def _adapt(self, seconds: float) -> None:
        # A batch has the time of one entry, so slow scripts get small batches instead of being stopped.
        if seconds > SLOW_BATCH:
            self._batch = max(1, self._batch // 2)
        elif seconds < QUICK_BATCH:
            self._batch = min(self._limits.batch_size, self._batch * 2)

    def _one_by_one(self, entries: Sequence[Entry]) -> list[Verdict]:
        before = self._culprits
        verdicts = [self._alone(entry) for entry in entries]
        # Nobody did it alone: together they were too much. All of them did: a batch only costs time.
        if self._culprits == before:
            self._batch = max(1, self._batch // 4)
        elif self._culprits == before + len(entries):
            self._batch = 1
        return verdicts

    def _alone(self, entry: Entry) -> Verdict:
        """Run the scripts one at a time, so that the one that dies is known."""
        verdict = Verdict()
        for script in self._sources:
            said = self._counted(self._alone_by(entry, script))
            if said.error or not said.active:
                return said
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
                return self._ask(request)[0]
            except RequestFailed as error:
                return Answer(Verdict(error=ScriptError(script, str(error))))
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

    def _ask(self, request: Request, meanwhile: Callable[[], None] = lambda: None) -> list[Answer]:
        """Return at least one answer; raises ChildDied and RequestFailed."""
        for _ in range(2):
            child = self._ready()
            reply = self._exchange(child, b"E", request.body, meanwhile)
            try:
                if failure := unpack_failure(reply):
                    self._fresh = True
                    raise RequestFailed(failure)
                answers, self._fresh = unpack_answers(reply, self._scripts, request.count)
            except BadAnswer as error:
                self.close()
                raise ChildDied("the script engine crashed") from error
            # No answer at all: work left over by an earlier entry had spoiled the realm.
            if answers:
                return answers
        raise ChildDied("the script engine crashed")

    def _ready(self) -> Child:
        child = self._open()
        if self._fresh:
            self._exchange(child, b"R")
            for script, source in self._sources.items():
                self._exchange(child, b"L", pack_source(script, source))
            self._fresh = False
        return child

    def _open(self) -> Child:
        if self._child is None:
            self._child = Child(self._limits)
        return self._child

    def _exchange(
        self, child: Child, command: bytes, data: bytes = b"", meanwhile: Callable[[], None] = lambda: None
    ) -> bytes:
        try:
            return child.ask(command, data, meanwhile)
        except ChildDied:
            self.close()
            raise

    def _load_error(self, script: ScriptName) -> ScriptError | None:
        source = self._sources[script]
        if len(source.encode("utf-8", "surrogatepass")) > self._limits.source_bytes:
            return ScriptError(script, f"is longer than {self._limits.source_bytes // 1024} KB")
        reason = ""
        for _ in range(TRIES):
            try:
                return unpack_load(self._exchange(self._open(), b"L", pack_source(script, source)), script, source)
            except ChildDied as death:
                reason = f"cannot be loaded: {death}"
                if death.certain:
                    break
            except BadAnswer:
                self.close()
                reason = "cannot be loaded: the script engine crashed"
        return ScriptError(script, reason)


def compile_errors(scripts: Scripts, limits: SandboxLimits = SandboxLimits()) -> dict[ScriptName, ScriptError]:  # noqa: B008
    """Return the scripts that do not compile or are not exactly one function; raises SandboxBroken."""
    with Sandbox(scripts, (), limits) as sandbox:
        return sandbox.compile_errors()
