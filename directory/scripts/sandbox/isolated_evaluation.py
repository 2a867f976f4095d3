"""Evaluates entries one by one, each in a fresh realm: for second opinions, and to find the culprits of a failed batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from directory.scripts.sandbox.child_process import Child, ChildDied
from directory.scripts.sandbox.child_supervisor import ON_THE_WAY, ChildSupervisor, RequestFailed
from directory.scripts.sandbox.protocol import EntryAnswer, PackedEntry, Packer
from directory.scripts.sandbox.resource_limits import MEMORY_MESSAGE, SandboxBroken, SandboxLimits
from directory.values.scripts import Script, ScriptError, Verdict
from orgs.text import counted

TRIES = 3
# Entries that are evaluated before those without an answer are tried again.
FRESH_SLICE = 16


class IsolatedEvaluation:
    """Uses all children, none of which may have a batch; counts the entries that had to be stopped."""

    def __init__(
        self,
        supervisors: Sequence[ChildSupervisor],
        packer: Packer,
        scripts: Iterable[Script[Any]],
        limits: SandboxLimits,
    ) -> None:
        self.culprits = 0
        self._supervisors = supervisors
        self._packer = packer
        self._scripts = tuple(scripts)
        self._limits = limits

    def in_fresh_realms(self, rows: Sequence[PackedEntry]) -> list[Verdict]:
        """Return a verdict for each entry; raises SandboxBroken."""
        verdicts: list[Verdict] = []
        for start in range(0, len(rows), FRESH_SLICE):
            part = rows[start : start + FRESH_SLICE]
            # Get all answers first: an entry may only be tried again while no child has another one.
            for row, answer in zip(part, list(self._fresh_answers(part)), strict=True):
                verdicts.append(self.alone(row) if answer is None else self._counted(answer))
            self.keep_to_budget()
        return verdicts

    def alone(self, row: PackedEntry) -> Verdict:
        """Run the scripts one at a time, to find the script that kills its child; raises SandboxBroken."""
        verdict = Verdict()
        for script in self._scripts:
            result = self._counted(self._alone_by(row, script))
            if result.error:
                return result.varying(varies=result.varies or verdict.varies)
            verdict = verdict.with_results(result, (script,))
            if script.gate and not verdict.of(script):
                break
        return verdict

    @property
    def spent(self) -> float:
        """The computing time of all children in seconds."""
        return sum(supervisor.cpu_seconds for supervisor in self._supervisors)

    def keep_to_budget(self) -> None:
        """Raise SandboxBroken when all entries together have used up their computing time."""
        if self.spent > self._limits.cpu_seconds:
            raise SandboxBroken(
                f"The scripts used more than {self._limits.cpu_seconds:g} s of computing time altogether. "
                "Make them simpler. The run was ended and nothing was applied."
            )

    def _fresh_answers(self, rows: Sequence[PackedEntry]) -> Iterator[EntryAnswer | None]:
        """Yield an answer for each entry, None for an entry without one; all children are busy meanwhile."""
        supervisors = self._supervisors if len(rows) > ON_THE_WAY else self._supervisors[:1]
        tickets: list[Child | None] = []
        in_flight = ON_THE_WAY * len(supervisors)
        for number in range(len(rows) + in_flight):
            supervisor = supervisors[number % len(supervisors)]
            if number >= in_flight:
                try:
                    yield supervisor.finish(tickets[number - in_flight])
                except (ChildDied, RequestFailed):
                    yield None
            if number < len(rows):
                tickets.append(supervisor.begin(self._packer.request([rows[number]])))

    def _alone_by(self, row: PackedEntry, script: Script[Any]) -> EntryAnswer:
        supervisor = self._supervisors[0]
        request = self._packer.request([row], [script])
        reason = ""
        for _ in range(TRIES):
            try:
                return supervisor.alone(request)
            except RequestFailed as error:
                reason = str(error)
                return EntryAnswer(Verdict(error=ScriptError(script, reason)), limit=reason == MEMORY_MESSAGE)
            except ChildDied as death:
                reason = str(death)
                # Other causes than computing time may come from outside, such as a kill: try again.
                if death.certain:
                    break
        return EntryAnswer(Verdict(error=ScriptError(script, reason)), limit=True)

    def _counted(self, answer: EntryAnswer) -> Verdict:
        error = answer.verdict.error
        if not answer.limit or error is None:
            return answer.verdict
        self.culprits += 1
        if self.culprits > self._limits.culprits:
            raise SandboxBroken(
                f"The {error.script} script had to be stopped for more than {counted(self._limits.culprits, 'entry', 'entries')} "
                f"({error.message}). The run was ended and nothing was applied."
            )
        return answer.verdict
