"""One child with a server's scripts: evaluates batches in a lasting realm, and single entries in fresh realms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from directory.scripts.sandbox.child_process import Child, ChildDied, Reply
from directory.scripts.sandbox.protocol import (
    BadAnswer,
    EntryAnswer,
    Loaded,
    Request,
    pack_source,
    unpack_answers,
    unpack_failure,
    unpack_load,
)
from directory.scripts.sandbox.resource_limits import SandboxLimits
from directory.values.scripts import RequestedAttributes, Script

CRASHED = "the script engine crashed"
RESET, LOAD, EVALUATE, ALONE = b"R", b"L", b"E", b"A"
# Requests at a child: one is evaluated, the next one waits in the pipe.
ON_THE_WAY = 2
# More batches wait, so that a child has work while its parent waits for the database.
BATCHES_ON_THE_WAY = 4


class RequestFailed(Exception):
    """The engine failed on a whole request; the message is the reason."""


class ChildSupervisor:
    """Starts its child when it is first needed, replaces it when it dies, and adds up its computing time."""

    def __init__(
        self,
        sources: Mapping[Script[Any], str],
        limits: SandboxLimits,
        requested: RequestedAttributes | None = None,
    ) -> None:
        self.cpu_seconds = 0.0
        self._sources = sources
        self._limits = limits
        self._requested = requested
        self._child: Child | None = None
        # Whether the child has loaded the scripts, and whether its lasting realm is clean.
        self._taught = False
        self._clean = False
        self._on_the_way = 0

    @property
    def child(self) -> Child | None:
        """The running child; None when none runs."""
        return self._child

    @property
    def takes_more(self) -> bool:
        """Whether another batch may be sent: after an unanswered one only while the realm is clean."""
        return self._on_the_way == 0 or (self._clean and self._on_the_way < BATCHES_ON_THE_WAY)

    def close(self) -> None:
        """End the child; its open requests get no answer."""
        if self._child is not None:
            self._child.close()
            self._child = None
        self._taught = self._clean = False
        self._on_the_way = 0

    def load(self, script: Script[Any]) -> Loaded:
        """Load a script and return the result; raises ChildDied."""
        self._clean = False
        source = self._sources[script]
        reply = self._exchange(self._open(), LOAD, pack_source(script, source, self._requested))
        try:
            return unpack_load(reply.body, script, source)
        except BadAnswer as error:
            raise self._crashed() from error

    def send(self, request: Request) -> None:
        """Send a batch; raises ChildDied."""
        child = self._open()
        if not self._clean:
            self._exchange(child, RESET)
            self._teach(child)
            self._clean = True
        try:
            child.send(EVALUATE, request.body)
        except ChildDied:
            self.close()
            raise
        self._on_the_way += 1

    def answers(self, count: int) -> list[EntryAnswer] | None:
        """Return the answers to the oldest batch, of ``count`` entries, or to its first ones; raises ChildDied, RequestFailed.

        None when the realm was spoiled before this batch, so that its answers do not count.
        """
        child = self._child
        if child is None:
            raise ChildDied(CRASHED)
        reply = self._counted(child.receive)
        self._on_the_way -= 1
        if not self._clean:
            return None
        answers = self._answers(reply, count)
        if reply.large:
            self.close()
            raise RequestFailed("took much memory")
        return answers

    def begin(self, request: Request) -> Child | None:
        """Send one entry to be evaluated in a fresh realm, and return the ticket for its answer."""
        try:
            child = self._open()
            if not self._taught:
                self._teach(child)
            child.send(ALONE, request.body)
        except ChildDied:
            self.close()
            return None
        return child

    def finish(self, ticket: Child | None) -> EntryAnswer:
        """Return the answer to the oldest request of this ticket; raises ChildDied and RequestFailed."""
        child = self._child
        if child is None or ticket is not child:
            raise ChildDied(CRASHED)
        reply = self._counted(child.receive)
        answers = self._answers(reply, 1)
        if reply.large:
            self.close()
        if not answers:
            raise RequestFailed("left work behind that failed")
        return answers[0]

    def alone(self, request: Request) -> EntryAnswer:
        """Evaluate one entry in a fresh realm; raises ChildDied and RequestFailed."""
        return self.finish(self.begin(request))

    def _open(self) -> Child:
        if self._child is None:
            self._child = Child(self._limits)
        return self._child

    def _teach(self, child: Child) -> None:
        for script, source in self._sources.items():
            self._exchange(child, LOAD, pack_source(script, source, self._requested))
        self._taught = True

    def _exchange(self, child: Child, command: bytes, data: bytes = b"") -> Reply:
        return self._counted(lambda: child.exchange(command, data))

    def _counted(self, answer: Callable[[], Reply]) -> Reply:
        try:
            reply = answer()
        except ChildDied as death:
            self.close()
            if death.certain:
                self.cpu_seconds += self._limits.cpu_seconds_per_entry
            raise
        self.cpu_seconds += reply.cpu_seconds
        return reply

    def _answers(self, reply: Reply, expected: int) -> list[EntryAnswer]:
        try:
            if failure := unpack_failure(reply.body):
                self._clean = False
                raise RequestFailed(failure)
            answers, spoiled = unpack_answers(reply.body, self._sources, expected)
        except BadAnswer as error:
            raise self._crashed() from error
        if spoiled:
            self._clean = False
        return answers

    def _crashed(self) -> ChildDied:
        self.close()
        return ChildDied(CRASHED)
