"""Many lines of a log that are written at once: to write each of a hundred thousand alone takes ten times as long."""

from __future__ import annotations


class LogLines(tuple[str, ...]):
    """What is logged in place of a message: each of these is a line of its own, with the same time and level.

    Whatever knows nothing of them gets them as text, one below the other.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(self)
