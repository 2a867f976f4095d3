"""Many log lines in one record: a record for each of a hundred thousand lines takes ten times as long."""

from __future__ import annotations


class LogLines(tuple[str, ...]):
    """The message of a log record with many lines; the formatter writes each with the same time and level.

    Other formatters get one text, with the lines below each other.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(self)
