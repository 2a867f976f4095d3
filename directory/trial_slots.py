"""Limits how many connection tests run at once in all web processes: each takes a lock that ends with its process."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from directory.input_errors import Refused

AT_ONCE = 3


@contextmanager
def taken(owner: str) -> Iterator[None]:
    """Take a slot for ``owner``, who may hold only one.

    Raises:
        Refused: when the owner has one already, or all are taken.
    """
    folder = settings.VAR / "connection-tests"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A hash, because the owner is a session key: a reader of the file could take over the session.
    mark = hashlib.sha256(f"connection test {owner}".encode()).hexdigest()
    with ExitStack() as stack:
        slot = _free_slot(folder, mark, stack)
        try:
            yield
        finally:
            slot.truncate(0)


def _free_slot(folder: Path, mark: str, stack: ExitStack) -> IO[str]:
    # One at a time, so that an owner can't take two slots at the same moment.
    with (folder / "door").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        free = None
        for number in range(AT_ONCE):
            slot = stack.enter_context((folder / f"slot-{number}").open("a+"))
            if _lock(slot):
                if free is None:
                    free = slot
                else:
                    fcntl.flock(slot, fcntl.LOCK_UN)
                continue
            slot.seek(0)
            if slot.read() == mark:
                raise Refused(_("Another test of yours is under way: it ends within 10 seconds."))
        if free is None:
            raise Refused(_("Too many connection tests are under way at once: try again in 10 seconds."))
        free.truncate(0)
        free.write(mark)
        free.flush()
        return free


def _lock(slot: IO[str]) -> bool:
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
