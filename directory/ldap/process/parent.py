"""Reads a directory in a separate process, which receives the next page while this process works on the last one."""

from __future__ import annotations

import atexit
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from django.conf import settings

from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.search.raw_entry import DecodedEntry, RawEntry, Texts
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.group_graph import Group
from directory.values.ldap import Connection, GroupSearch, Identity, ReadingProof, ReadScope

ROOT = Path(__file__).resolve().parents[3]
CHILD = "directory.ldap.process.child"
# The settings that the process needs.
SETTINGS = ("LDAP_LOOPBACK", "LDAP_PORTS")
LENGTH = struct.Struct("<Q")
# Processes that wait for the next run, if LDAP_READERS_WAIT is on.
_WAITING: list[subprocess.Popen[bytes]] = []


class ReadingProcess:
    """A process that reads directories, one after the other; it starts at once, to be ready for the first request."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The process is None after a reading that did not come to its end, see _request.
        if settings.LDAP_READERS_WAIT and self._process is not None:
            _WAITING.append(self._process)
            self._process = None
        self._end()

    def open(self, request: ReadingRequest) -> AbstractContextManager[IsolatedReading]:
        """Connect, and return the requested reading as a context manager.

        Raises:
            DirectoryUnavailable: the server can't be reached, or refuses.
        """
        return self._request({"reading": request}, IsolatedReading)

    def open_single(self, request: ReadingRequest, dns: Sequence[str]) -> AbstractContextManager[IsolatedReading]:
        """Connect, and return a reading of these entries alone, without those that are gone; raises as ``open`` does."""
        return self._request({"single": request, "dns": tuple(dns)}, IsolatedReading)

    def open_groups(
        self, connection: Connection, search: GroupSearch, known: Mapping[str, str], *, keep: bool
    ) -> AbstractContextManager[IsolatedGroupReading]:
        """Connect, and return a reading of all groups; only new and changed ones come, by the ``known`` digests by key.

        With ``keep`` the process keeps all groups, to resolve those of the people that it decodes next.

        Raises:
            DirectoryUnavailable: the server can't be reached, or refuses.
        """
        return self._request(
            {"connection": connection, "groups": search, "known": dict(known), "keep": keep}, IsolatedGroupReading
        )

    def branches_with_people(self, connection: Connection, dns: Sequence[str]) -> list[str]:
        """Return the DNs of those entries below which the connection's filter finds people.

        Raises:
            DirectoryUnavailable: the server could not be read.
        """
        with self._request({"connection": connection, "branches": tuple(dns)}, IsolatedReading) as reading:
            return [raw.dn for page in reading.raw_pages() for raw in page]

    @contextmanager
    def _request(self, request: dict[str, Any], kind: type[R]) -> Iterator[R]:
        process = self._process or self._start()
        complete = False
        try:
            # The password is sent through this pipe, which no other process can read.
            values = {name: getattr(settings, name) for name in SETTINGS}
            send(process.stdin, {**request, "settings": values})
            reading = kind(process)
            yield reading
            complete = reading.complete
        finally:
            if not complete:
                self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = _waiting_or_new()
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            # Closes its pipes as well.
            self._process.communicate()
            self._process = None


def _waiting_or_new() -> subprocess.Popen[bytes]:
    if settings.LDAP_READERS_WAIT:
        with suppress(IndexError):
            return _WAITING.pop()
    command = [sys.executable, "-m", CHILD]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@atexit.register
def _end_all_that_wait() -> None:
    while _WAITING:
        process = _WAITING.pop()
        process.kill()
        process.communicate()


class ReadingOutput:
    """The messages of the process that reads; they are valid once they are ``complete``."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether the last message has come, after every page."""
        return self._ended

    def _next(self, *kinds: str) -> dict[str, Any]:
        message = receive(self._process.stdout)
        if message is None:
            raise DirectoryUnavailable(f"the process that reads ended with status {self._process.wait()}")
        kind = message.pop("kind")
        if kind == "failed":
            raise DirectoryUnavailable(message.pop("message"), **{**message, "stage": Stage(message["stage"])})
        if kind not in kinds:
            raise RuntimeError(f"the process that reads broke down: {message.get('crash', kind)}")
        return message


R = TypeVar("R", bound=ReadingOutput)


class IsolatedGroupReading(ReadingOutput):
    """A reading of groups by the process: ``gone`` are the keys of known groups that do not exist any more.

    ``count`` is the number of groups, ``left_out`` are trees that could not be read, ``referrals`` URLs of other parts.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(process)
        self.gone: list[str] = []
        self.count = 0
        self.left_out: list[str] = []
        self.referrals: list[str] = []

    def changed(self) -> Iterator[list[tuple[str, str, Group]]]:
        """Yield the new and the changed groups in pages, each with key and digest.

        Raises:
            DirectoryUnavailable: not all groups could be read.
        """
        while (message := self._next("groups", "groups ended")).get("groups") is not None:
            yield [(key, digest, Group(*group)) for key, digest, group in message["groups"]]
        self.gone, self.count, self.left_out, self.referrals = (
            message[name] for name in ("gone", "count", "left_out", "referrals")
        )
        self._ended = True


class IsolatedReading(ReadingOutput):
    """A reading of people by the process; its lists and proof are valid once it is ``complete``.

    ``proof`` is None for a reading of single entries, which proves nothing. ``too_deep`` are DNs of groups at the last
    level that the process followed.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(process)
        self.referrals: list[str] = []
        self.left_out: list[str] = []
        self.aliases = 0
        self.too_deep: list[str] = []
        self.twice: list[str] = []
        self.escaped: list[str] = []
        self.proof: ReadingProof | None = None
        begun = self._next("opened")
        self.url: str = begun["url"]
        self.extent: ReadScope = begun["extent"]

    def raw_pages(self) -> Iterator[list[RawEntry]]:
        """Yield the pages as the server sent them, once.

        Raises:
            DirectoryUnavailable: not everything could be read.
        """
        while (message := self._next("page", "ended")).get("page") is not None:
            yield [_raw_entry(*each) for each in message["page"]]
        self.referrals, self.twice, self.escaped = message["referrals"], message["twice"], message["escaped"]
        self.left_out, self.aliases, self.too_deep = message["left_out"], message["aliases"], message["too_deep"]
        self.proof, self._ended = message["proof"], True


def as_tuple(raw: RawEntry) -> tuple[Any, ...]:
    """Return an entry as a plain tuple, which is quick to send to the other process."""
    if raw.decoded is None:
        return raw[:3]
    who = raw.decoded.identity
    names = (who.unique_id, who.usernames, who.emails, who.first_name, who.last_name)
    identity = (*names, who.further_ids, who.long_id, who.not_text)
    return (raw.dn, raw.digest, b"", identity, raw.decoded.attributes, raw.decoded.named)


def _raw_entry(
    dn: str,
    digest: bytes,
    content: bytes | Texts,
    identity: Any = None,
    attributes: str = "",
    named: str = "",
) -> RawEntry:
    if not identity:
        return RawEntry(dn, digest, content)
    return RawEntry(dn, digest, content, DecodedEntry(Identity(dn, *identity), attributes, named))


def send(stream: IO[bytes] | None, message: dict[str, Any]) -> None:
    """Write one message."""
    if stream is None:
        raise RuntimeError("there is no pipe to write to")
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes] | None) -> dict[str, Any] | None:
    """Read one message; None if the writer has ended, even in the middle of a message."""
    if stream is None:
        return None
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    body = stream.read(LENGTH.unpack(header)[0])
    # Unpickling is safe here: both ends are this program, and a directory's values are only data in the message.
    message: dict[str, Any] | None = pickle.loads(body) if len(body) == LENGTH.unpack(header)[0] else None  # noqa: S301
    return message
