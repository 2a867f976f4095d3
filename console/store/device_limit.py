"""Lets each device have a few requests at a time, so that one device does not have all threads."""

from __future__ import annotations

import threading
from collections import Counter

# restic has five connections. Each process of the store counts for itself: two processes, sixteen threads each.
MOST_REQUESTS = 6

_lock = threading.Lock()
_requests: Counter[str] = Counter()


def begin(guid: str) -> bool:
    """Count a request of a device that begins; return False, and count nothing, if it has too many."""
    with _lock:
        if _requests[guid] >= MOST_REQUESTS:
            return False
        _requests[guid] += 1
        return True


def end(guid: str) -> None:
    """Count a request of a device that has ended."""
    with _lock:
        _requests[guid] -= 1
        if not _requests[guid]:
            del _requests[guid]
