"""Tries a connection in a separate process, which is ended when its time is up or nobody waits for the answer."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.conf import settings

from directory.ldap.connection_test.connection_test import ConnectionStep
from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.process.parent import CHILD, ROOT, SETTINGS, receive, send
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.ldap import AbsenceCheckResult, AttributeMapping, Connection, Entry, GroupSearch, MissingUser

# The seconds for all steps, with the start of the process; a page waits for them.
SECONDS = 10
# The seconds for each answer, so that a silent server is reported before the time is up.
ANSWER_SECONDS = 4
LOOKS_EVERY = 0.2
# The stages of a trial, in their order.
_OF_A_BIND = (Stage.NAME, Stage.CONNECT, Stage.TLS, Stage.BIND)
_OF_A_SEARCH = (Stage.BASE, Stage.FILTER)

Waits = Callable[[], bool]


class Deadline:
    """The end of the time for a trial of one or several steps, so many seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self._ends - time.monotonic()


class TimeUp(DirectoryUnavailable):
    """The time for the trial is up."""


class NobodyWaits(DirectoryUnavailable):
    """Nobody waits for the result any more."""


def try_connection(
    connection: Connection, waits: Waits = lambda: True, groups: GroupSearch | None = None
) -> list[ConnectionStep]:
    """Return the result of each step, up to the first that failed or the end of the time.

    ``waits`` returns whether anybody still waits for the answer; if not, the process is ended. With ``groups``, the
    groups to resolve are searched as well.
    """
    request = {"try": "connection", "connection": _short(connection), "groups": groups}
    last = [*_OF_A_SEARCH, Stage.GROUPS, Stage.SEARCH] if groups is not None else [*_OF_A_SEARCH, Stage.SEARCH]
    return _steps(request, waits, [*_OF_A_BIND, *last])


def try_sign_in(
    connection: Connection, mapping: AttributeMapping, *, username: str, password: str, waits: Waits = lambda: True
) -> list[ConnectionStep]:
    """Return the result of each step of one person's sign-in, as ``try_connection`` does."""
    who = {"mapping": mapping, "username": username, "password": password}
    request = {"try": "sign-in", "connection": _short(connection), **who}
    return _steps(request, waits, [*_OF_A_BIND, Stage.PERSON, Stage.PASSWORD])


def _steps(request: dict[str, Any], waits: Waits, stages: Sequence[Stage]) -> list[ConnectionStep]:
    steps: list[ConnectionStep] = []
    try:
        # The steps that came before the time was up stay in the list.
        steps.extend(message["step"] for message in _messages(request, waits))
    except TimeUp as error:
        following = stages[min(stages.index(steps[-1].stage) + 1, len(stages) - 1)] if steps else Stage.NAME
        steps.append(ConnectionStep(following, ok=False, detail=str(error)))
    return steps


def try_search(connection: Connection, *, limit: int, waits: Waits = lambda: True) -> list[Entry]:
    """Return the first entries that the connection's search finds.

    Raises:
        DirectoryUnavailable: the server can't be reached or refuses, the time is up, or nobody waits any more.
    """
    found: list[Entry] = []
    for message in _messages({"try": "search", "connection": _short(connection), "limit": limit}, waits):
        found += message["entries"]
    return found


class IsolatedPeopleReader:
    """Reads people from one server, each time in a process of its own, which is ended at the ``deadline``."""

    def __init__(
        self, connection: Connection, groups: GroupSearch | None, *, deadline: Deadline, waits: Waits = lambda: True
    ) -> None:
        self._connection, self._groups = _short(connection), groups
        self._deadline, self._waits = deadline, waits

    def read(self, request: ReadingRequest) -> list[Entry]:
        """Return all entries that the request's search finds.

        Raises:
            DirectoryUnavailable: not everything could be read, the time is up, or nobody waits any more.
        """
        wanted = replace(request, connection=_short(request.connection))
        message = {"try": "people", "connection": self._connection, "reading": wanted, "groups": self._groups}
        found: list[Entry] = _only_message(message, self._waits, self._deadline)["entries"]
        return found


def check_absence(
    connection: Connection,
    mapping: AttributeMapping,
    who: MissingUser,
    *,
    neighbours: Mapping[str, Sequence[str]],
    lost: Sequence[MissingUser],
    deadline: Deadline,
    waits: Waits = lambda: True,
) -> AbsenceCheckResult:
    """Return the result of an absence check in a process of its own; ``neighbours`` are DNs by the key of their branch.

    Raises:
        DirectoryUnavailable: the time is up, or nobody waits any more.
    """
    message = {"try": "absence", "connection": _short(connection), "mapping": mapping, "who": who}
    message |= {"neighbours": dict(neighbours), "lost": tuple(lost)}
    result: AbsenceCheckResult = _only_message(message, waits, deadline)["result"]
    return result


def _short(connection: Connection) -> Connection:
    return replace(
        connection,
        connect_timeout=min(connection.connect_timeout, ANSWER_SECONDS),
        operation_timeout=min(connection.operation_timeout, ANSWER_SECONDS),
    )


def _only_message(request: dict[str, Any], waits: Waits, deadline: Deadline) -> dict[str, Any]:
    """Return the one message with the answer: a process that ends without it has found nothing out."""
    for message in _messages(request, waits, deadline):
        return message
    raise DirectoryUnavailable("the process that reads ended without an answer")


def _messages(request: dict[str, Any], waits: Waits, deadline: Deadline | None = None) -> Iterator[dict[str, Any]]:
    """Yield the messages of the process up to its last one; without a deadline it has the time for one trial."""
    deadline = deadline or Deadline(SECONDS)
    with _process(request) as come:
        while (message := _next(come, deadline, waits)) is not None and message["kind"] != "ended":
            if message["kind"] == "failed":
                raise DirectoryUnavailable(message["message"], stage=Stage(message["stage"]), advice=message["advice"])
            if message["kind"] == "crashed":
                raise RuntimeError(f"the process that tries a connection broke down: {message['crash']}")
            yield message


def _next(come: queue.Queue[dict[str, Any] | None], deadline: Deadline, waits: Waits) -> dict[str, Any] | None:
    while True:
        if (left := deadline.left) <= 0:
            raise TimeUp(f"no answer to everything within {deadline.seconds} seconds: the test was ended")
        try:
            return come.get(timeout=min(left, LOOKS_EVERY))
        except queue.Empty:
            if not waits():
                raise NobodyWaits("the test was ended: nobody waits for it any more") from None


@contextmanager
def _process(request: dict[str, Any]) -> Iterator[queue.Queue[dict[str, Any] | None]]:
    """Start a process for the request, yield the queue of its messages, with None at the end, and end the process."""
    process = subprocess.Popen([sys.executable, "-m", CHILD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    come: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def listen() -> None:
        while (message := receive(process.stdout)) is not None:
            come.put(message)
        come.put(None)

    ear = threading.Thread(target=listen, name="trial of a connection", daemon=True)
    try:
        # The password is sent through this pipe, which no other process can read.
        send(process.stdin, {**request, "settings": {name: getattr(settings, name) for name in SETTINGS}})
        ear.start()
        yield come
    finally:
        process.kill()
        if ear.ident is not None:
            ear.join()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()
