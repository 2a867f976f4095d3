"""Limits the time and the number of password checks, so that a directory that is down never occupies all threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from django.conf import settings

from directory.values.ldap import Connection

# The seconds for all servers together; a page waits for them.
SECONDS = 10.0
# The seconds to connect to one address, and for each answer: the settings of a server are made for syncs, which may wait.
CONNECT_SECONDS, ANSWER_SECONDS = 3, 5
# How many checks of this process may run at once, and how long another one waits for its turn. A web process has four
# threads.
AT_ONCE, TURN_SECONDS = 2, 1.0

T = TypeVar("T")
# Returns whether somebody still waits for the result.
Waited = Callable[[], bool]
_turns = threading.BoundedSemaphore(AT_ONCE)


class TooSlow(Exception):
    """The check did not come to its end in time, or did not begin."""


def hurried(connection: Connection) -> Connection:
    """Return a connection that waits no longer than a person at a page does."""
    return replace(
        connection,
        connect_timeout=min(connection.connect_timeout, CONNECT_SECONDS),
        operation_timeout=min(connection.operation_timeout, ANSWER_SECONDS),
    )


def in_time(work: Callable[[Waited], T]) -> T:
    """Return what ``work`` returns, which runs in a thread of its own and must not use the database.

    A thread can't be ended: one that is late keeps its turn until its own time-outs end it. It asks whether somebody still
    waits before it sends a password.

    Raises:
        TooSlow: when there is no turn, or no result in time.
    """
    ends = time.monotonic() + SECONDS
    if not _turns.acquire(timeout=TURN_SECONDS):
        raise TooSlow("too many sign-ins wait for directories")
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(lambda: time.monotonic() < ends))
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)
        finally:
            _turns.release()

    thread = threading.Thread(target=run, name="directory password", daemon=True)
    thread.start()
    thread.join(max(0.0, ends - time.monotonic()))
    if errors:
        raise errors[0]
    if not results:
        raise TooSlow(f"no directory answered within {SECONDS:.0f} seconds")
    return results[0]


def wait_out(began: float) -> None:
    """Wait until a refusal has taken as long as each refusal at least takes, since ``began`` by the monotonic clock."""
    left = began + settings.REFUSED_SIGN_IN_SECONDS - time.monotonic()
    if left > 0:
        time.sleep(left)
