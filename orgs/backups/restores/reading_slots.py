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


def take(kind: ReadingKind) -> int:
    """Take a slot and return its open file; closing it gives it back, and so does the end of a killed process.

    Raises:
        NoSlot: when all are taken.
    """
    folder = settings.VAR / "restores"
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(AT_ONCE[kind]):
        slot = os.open(folder / f"{kind}-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(slot)
            continue
        return slot
    raise NoSlot


@contextmanager
def page() -> Iterator[None]:
    """Hold a slot for a page in this block; wait for one for a moment.

    Raises:
        NoSlot: when none became free.
    """
    slot = _take_soon(ReadingKind.PAGE)
    try:
        yield
    finally:
        os.close(slot)


def _take_soon(kind: ReadingKind) -> int:
    ends = time.monotonic() + _WAITS
    while True:
        try:
            return take(kind)
        except NoSlot:
            if time.monotonic() > ends:
                raise
            time.sleep(_LOOKS_EVERY)
