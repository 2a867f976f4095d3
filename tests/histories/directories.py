"""Directories in memory, with the faults of real ones, and the scripts in Python: a run takes milliseconds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from unittest import mock
from uuid import UUID

from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.search.raw_entry import RawEntry
from directory.ldap.search.reading_request import ReadingRequest
from directory.scripts.sandbox.protocol import EntryText
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.ldap import (
    AbsenceCheckResult,
    AttributeMapping,
    Connection,
    CursorKind,
    Entry,
    MissingUser,
    ReadingProof,
    ReadScope,
    SyncCursor,
)
from directory.values.scripts import ACTIVE as ACTIVE_SCRIPT
from directory.values.scripts import ScriptError, Scripts, Verdict
from orgs.text import fold

PAGE = 2
ACTIVE = 'function (entry) { if (entry.initials) { throw new Error("no initials") } return entry.employeeType != "inactive" }'
EVERYONE = "function (entry) { return true }"
ORG_NAME = "function (entry) { return entry.departmentNumber }"
ROLE_NAME = "function (entry) { return entry.title == 'none' ? [] : entry.title && entry.title.split(', ') }"


def unique_id(number: int) -> str:
    """Return an immutable id that is easy to tell from others."""
    return str(UUID(int=number))


@dataclass(slots=True)
class Person:
    """Somebody in a directory; ``number`` is the place in the tree, which stays."""

    number: int
    usernames: list[str]
    unique_id: str
    active: bool = True
    department: str = ""
    title: str = ""
    email: str = ""
    last_name: str = "Smith"
    breaks_the_script: bool = False
    # An access rule keeps the immutable id from the reader, for as long as it stands.
    id_hidden: bool = False

    @property
    def dn(self) -> str:
        return f"cn=person{self.number},dc=example,dc=com"

    def entry(self) -> Entry:
        """Return the entry that a server sends."""
        attributes = {
            "uid": tuple(self.usernames),
            "entryUUID": ("" if self.id_hidden else self.unique_id,),
            "sn": (self.last_name,),
            "employeeType": ("staff" if self.active else "inactive",),
            "departmentNumber": (self.department,),
            "title": (self.title,),
            "mail": (self.email,),
            "initials": ("X" if self.breaks_the_script else "",),
        }
        return Entry(self.dn, {name: v for name, v in attributes.items() if all(v)})


class Fault:
    """What a server can do wrong while it is read."""

    NONE = ""
    REFUSES = "refuses the connection"
    BREAKS_OFF = "breaks off after the first page"
    PROVES_NOTHING = "ends without saying that this was all"
    FORGETS = "leaves somebody out, who is there when asked for"
    ALL = (REFUSES, BREAKS_OFF, PROVES_NOTHING, FORGETS)


@dataclass
class MemoryServer:
    """One LDAP server; ``fault`` is what it does wrong from now on."""

    url: str
    people: dict[int, Person] = field(default_factory=dict)
    fault: str = Fault.NONE
    # How often it was asked, and of each entry, by DN, a hash and when it was first asked for as it is.
    moments: int = 0
    history: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    # Whom the last two full readings left out, by DN; nobody is "".
    left_out: tuple[str, str] = ("", "")

    @property
    def leaves_out_twice(self) -> bool:
        """Whether two full readings in turn left out the same person, which proves to Rollcall that they are gone."""
        return bool(self.left_out[1]) and self.left_out[0] == self.left_out[1]

    @property
    def complete(self) -> bool:
        """Whether a reading would be complete and find everybody."""
        return self.fault == Fault.NONE

    @property
    def readable(self) -> bool:
        """Whether a reading would come to an end."""
        return self.fault in {Fault.NONE, Fault.FORGETS}

    def now(self) -> SyncCursor:
        """Return where it is in its history."""
        self.moments += 1
        digests = {entry.dn: digest_of(entry) for entry in self.entries()}
        known = self.history
        self.history = {
            dn: known[dn] if dn in known and known[dn][0] == digest else (digest, self.moments)
            for dn, digest in digests.items()
        }
        return SyncCursor(CursorKind.NUMBER, self.url, str(self.moments))

    def entries(self) -> list[Entry]:
        return [person.entry() for person in self.people.values()]

    def pages(self, since: SyncCursor | None) -> Iterator[list[Entry]]:
        """Yield the entries, or those that have changed since, with the fault."""
        then = int(since.at) if since else 0
        listed = [entry for entry in self.entries() if self.history[entry.dn][1] > then]
        # Whom it leaves out of the changes nobody would miss before the next full reading.
        forgotten = listed[:1] if self.fault == Fault.FORGETS and since is None else []
        if since is None:
            self.left_out = (self.left_out[1], "".join(entry.dn for entry in forgotten))
        listed = listed[len(forgotten) :]
        for start in range(0, len(listed), PAGE):
            if start and self.fault == Fault.BREAKS_OFF:
                raise DirectoryUnavailable("Can't contact LDAP server")
            yield listed[start : start + PAGE]
        if self.fault == Fault.BREAKS_OFF:
            raise DirectoryUnavailable("Can't contact LDAP server")

    def proof(self) -> ReadingProof | None:
        """Return why a reading is complete, or nothing."""
        if self.fault == Fault.PROVES_NOTHING:
            raise DirectoryUnavailable("The server left out the paging control")
        count = len(self.people)
        return ReadingProof(
            url=self.url, failed_urls=(), bound_as="anonymous", authorization="", product="", encrypted=False,
            pages=(count + PAGE - 1) // PAGE, entries=count, paged=True, controls_missing=0, last_cookie_empty=True,
            results={"success": 1}, estimate=0, counted=None, referrals=(),
        )  # fmt: skip


class MemoryReading:
    """One reading of a server in memory."""

    def __init__(self, server: MemoryServer, request: ReadingRequest, only: Collection[str] = ()) -> None:
        self.extent = ReadScope(request.since if request.now else None, server.now())
        self._only = only
        self.url = server.url
        self.referrals: list[str] = []
        self.left_out: list[str] = []
        self.aliases = 0
        self.twice: list[str] = []
        self.escaped: list[str] = []
        self.proof: ReadingProof | None = None
        self._server = server
        self._attributes = None if request.attributes is None else {name.lower() for name in request.attributes}

    @property
    def complete(self) -> bool:
        return self.proof is not None

    def raw_pages(self) -> Iterator[list[RawEntry]]:
        for page in map(self._requested, self._server.pages(self.extent.since)):
            yield [RawEntry(entry.dn, digest_of(entry), entry.attributes) for entry in page]
        self.proof = self._server.proof()

    def _requested(self, page: list[Entry]) -> list[Entry]:
        request = self._attributes
        page = [entry for entry in page if not self._only or entry.dn in self._only]
        if request is None:
            return page
        return [
            Entry(entry.dn, {name: values for name, values in entry.attributes.items() if name.lower() in request})
            for entry in page
        ]


def digest_of(entry: Entry) -> bytes:
    """Return a hash of an entry that nobody has sent."""
    return hashlib.blake2b(repr((entry.dn, sorted(entry.attributes.items()))).encode(), digest_size=16).digest()


@dataclass
class MemoryDirectories:
    """All servers, by URL; ``patched`` puts them in the place of LDAP."""

    servers: dict[str, MemoryServer] = field(default_factory=dict)

    # What an LDAP server's settings need besides.
    settings: dict[str, Any] = field(default_factory=dict)

    def add(self) -> MemoryServer:
        """Add a server without people."""
        server = MemoryServer(f"ldap://127.0.0.1:{1000 + len(self.servers)}")
        self.servers[server.url] = server
        return server

    def _reached(self, connection: Connection) -> MemoryServer:
        server = self.servers[connection.urls[0]]
        if server.fault == Fault.REFUSES:
            raise DirectoryUnavailable("Can't contact LDAP server")
        return server

    @contextmanager
    def reading_process(self) -> Iterator[Self]:
        yield self

    @contextmanager
    def open(self, request: ReadingRequest) -> Iterator[MemoryReading]:
        assert not request.for_groups, "these directories have no groups"
        yield MemoryReading(self._reached(request.connection), request)

    @contextmanager
    def open_single(self, request: ReadingRequest, dns: Sequence[str]) -> Iterator[MemoryReading]:
        yield MemoryReading(self._reached(request.connection), request, only=frozenset(dns))

    @contextmanager
    def lookup(self, request: ReadingRequest) -> Iterator[MemoryLookup]:
        yield MemoryLookup(self._reached(request.connection))

    def absence_check(self, connection: Connection, mapping: AttributeMapping, **_known: Any) -> MemoryAbsenceCheck:
        return MemoryAbsenceCheck(lambda: self._reached(connection))

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Let runs read these directories and decide by the scripts in Python."""
        with ExitStack() as stack:
            for place, stand_in in {
                "directory.sync.read.read_stage.ReadingProcess": self.reading_process,
                "directory.scripts.server_sandbox.Sandbox": MemorySandbox,
                "directory.sync.plan.confirmation.AbsenceCheck": self.absence_check,
                "directory.ldap.groups.people_reader.open_reading": self.lookup,
                "directory.servers.setting_checks.compile_errors": lambda *_: {},
            }.items():
                stack.enter_context(mock.patch(place, stand_in))
            yield


@dataclass
class MemoryLookup:
    """Everybody of a server in memory, for who is looked up by name."""

    server: MemoryServer

    def pages(self) -> Iterator[list[Entry]]:
        yield self.server.entries()


class MemoryAbsenceCheck:
    """Asks a server in memory for single users."""

    def __init__(self, reached: Callable[[], MemoryServer]) -> None:
        self._reached = reached

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def look_for(self, missing_users: Sequence[MissingUser]) -> dict[int, AbsenceCheckResult]:
        try:
            people = list(self._reached().people.values())
        except DirectoryUnavailable as error:
            return {who.user_id: AbsenceCheckResult(absent=False, sentence=str(error)) for who in missing_users}
        return {who.user_id: self._result(who, people) for who in missing_users}

    def _result(self, who: MissingUser, people: Collection[Person]) -> AbsenceCheckResult:
        # As in the search base of a real one: by name even where an immutable id is known.
        for person in people:
            by_id = person.unique_id in who.unique_ids and not person.id_hidden
            if person.id_hidden and person.dn == who.dn:
                return AbsenceCheckResult(
                    absent=False, sentence="found at its DN without its immutable id", dns=(person.dn,)
                )
            named = fold(who.username) in map(fold, person.usernames) and person.dn not in who.namesakes
            if by_id or named:
                return AbsenceCheckResult(absent=False, sentence="found after all", dns=(person.dn,), overlooked=True)
        return AbsenceCheckResult(absent=True, sentence="nobody with that name anywhere")


class MemorySandbox(Sandbox):
    """The scripts above, in Python; its child process never starts."""

    def __init__(self, scripts: Scripts, *given: Any) -> None:
        super().__init__(scripts, *given)
        self.everyone_is_active = scripts[ACTIVE_SCRIPT] == EVERYONE

    def evaluate(self, entries: Sequence[Entry]) -> list[Verdict]:
        return [verdict(entry, everyone_is_active=self.everyone_is_active) for entry in entries]

    def evaluate_pages(
        self, pages: Iterable[Sequence[Entry | EntryText]], *, total: int | None = None
    ) -> Iterator[list[Verdict]]:
        del total
        return (self.evaluate([_entry(each) for each in page]) for page in pages)

    second_opinions = evaluate


def _entry(row: Entry | EntryText) -> Entry:
    if isinstance(row, Entry):
        return row
    return Entry(row.dn, {name: tuple(values) for name, values in json.loads(row.attributes).items()})


def verdict(entry: Entry, *, everyone_is_active: bool) -> Verdict:
    """Return what the scripts say of an entry."""
    if not everyone_is_active:
        if entry.values("initials"):
            return Verdict(error=ScriptError(ACTIVE_SCRIPT, "Error: no initials", 1))
        if entry.values("employeeType") == ("inactive",):
            return Verdict(active=False)
    org, title = "".join(entry.values("departmentNumber")), "".join(entry.values("title"))
    roles = () if title == "none" else tuple(title.split(", ")) if title else None
    return Verdict(org_name=org.strip() or None, roles=roles)
