"""The answers of the store, with reasons that restic prints: ASCII on one line."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from orgs.backups.gate import Refusal

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; ``reason`` replaces the usual reason phrase.

    gunicorn drains a body that was not read for five seconds, so that the client reads the answer, and then hangs up.
    """

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: Iterable[bytes] = ()
    length: int = 0

    @property
    def status_line(self) -> str:
        """The status with its reason, on one line of printable ASCII: restic prints it to the person at the computer."""
        words = self.reason or HTTPStatus(self.status).phrase
        printable = "".join(character if " " <= character <= "~" else "?" for character in words)
        return f"{self.status} {printable}"

    def all_headers(self) -> list[tuple[str, str]]:
        """Return the headers; length and type are always there."""
        given = [*self.headers, ("Content-Length", str(self.length)), ("Cache-Control", "no-store")]
        if not any(name == "Content-Type" for name, _ in given):
            given.append(("Content-Type", "application/octet-stream"))
        return given


class Unacceptable(Exception):
    """An upload that is not stored, with its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


NOTHING_HERE = Answer(404)
NOT_FOUND = Answer(404)
NO_SUCH_METHOD = Answer(405)
NOT_OFFERED = Answer(501, "A repository is not deleted from here.")
INITIALIZED = Answer(403, "This archive has its config already.")
NO_SPACE = Answer(507, "The backup server has no space left.")
BUSY = (("Retry-After", "60"),)
NO_DATABASE = Answer(503, "The backup server does not reach its database. Try again in some minutes.", BUSY)
TOO_SLOW = Answer(408, "The connection is too slow, or was silent for too long.")
TOO_MANY = Answer(
    429, "This device has too many requests at once. restic has 5 connections by default.", (("Retry-After", "5"),)
)
BROKEN_DISK = Answer(500, "The backup server can not read or write its disk.")
NOT_THERE = Answer(
    503, "The folder of the archive is not there. Try again in some minutes, or ask your administrator.", BUSY
)
INITIALIZING = Answer(503, "Another program initializes this archive. Try again in a minute.", BUSY)


def refused(refusal: Refusal) -> Answer:
    """Return the answer that the gate's refusal means."""
    headers: tuple[tuple[str, str], ...] = ()
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers = (("WWW-Authenticate", 'Basic realm="Rollcall"'),)
    if refusal.retry_after:
        headers = (("Retry-After", str(refusal.retry_after)),)
    return Answer(refusal.status, str(refusal.sentence), (*headers, ("X-Rollcall-Reason", refusal.code)))


def of_error(error: OSError) -> Answer:
    """Return the answer for an error of the disk."""
    return NO_SPACE if error.errno in FULL else BROKEN_DISK
