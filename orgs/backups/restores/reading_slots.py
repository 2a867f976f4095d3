"""Limits how many archives are read for restores at the same time on one machine: pages come first."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.conf import settings


class ReadingKind(StrEnum):
    """What an archive is read for: a page, which is quick, or a download, which may take minutes."""

    PAGE = "page"
    DOWNLOAD = "download"


# How many at the same time, of all processes: the console has eight threads, which all pages share.
AT_ONCE = {ReadingKind.PAGE: 2, ReadingKind.DOWNLOAD: 2}
# Seconds for which a page waits for a slot.
_WAITS, _LOOKS_EVERY = 2.0, 0.1


class NoSlot(Exception):
    """As many archives are read as may be at once."""


def take(kind: ReadingKind, person: int) -> int:
    """Take a slot for a user (id) and return its open file; closing it gives it back, and so does the end of a killed process.

    Raises:
        NoSlot: when all are taken, or one of them by the same person: nobody takes all.
    """
    folder = settings.VAR / "restores"
    folder.mkdir(mode=0o700, exist_ok=True)
    name, free, has_one = str(person).encode(), list[int](), False
    for number in range(AT_ONCE[kind]):
        slot = os.open(folder / f"{kind}-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            has_one = has_one or os.pread(slot, 32, 0) == name
            os.close(slot)
        else:
            free.append(slot)
    # A slot is held for no longer than this look where it is not needed.
    for slot in free if has_one else free[1:]:
        os.close(slot)
    if has_one or not free:
        raise NoSlot
    os.ftruncate(free[0], 0)
    os.pwrite(free[0], name, 0)
    return free[0]


@contextmanager
def page(person: int) -> Iterator[None]:
    """Hold a slot for a page of a user in this block; wait for one for a moment.

    Raises:
        NoSlot: when none became free.
    """
    slot = _take_soon(ReadingKind.PAGE, person)
    try:
        yield
    finally:
        os.close(slot)


def _take_soon(kind: ReadingKind, person: int) -> int:
    ends = time.monotonic() + _WAITS
    while True:
        try:
            return take(kind, person)
        except NoSlot:
            if time.monotonic() > ends:
                raise
            time.sleep(_LOOKS_EVERY)
