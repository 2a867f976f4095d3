"""A whole search, page by page: it ends when every page has been read, or raises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import ldap

from directory.sync.source.failures import DirectoryUnavailable, Referred, Stage, plain
from directory.sync.source.session import PAGED_RESULTS, Attributes, Session, connect, open_session
from directory.sync.source.targets import Target, parse_referral, place
from directory.sync.source.text import Decoder, decoder
from directory.sync.source.urls import Url
from directory.sync.values import Connection, Entry

# All user attributes, and by name the operational ones that identify somebody or say that an account is closed.
ATTRIBUTES = (
    "*", "entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID", "GUID", "ibm-entryUuid", "orclGuid", "memberOf",
    "isMemberOf", "nsRole", "nsAccountLock", "pwdAccountLockedTime", "ds-pwp-account-disabled", "loginDisabled",
)  # fmt: skip
MOST_HOPS = 10
MOST_EMPTY_PAGES = 100
SMALLEST_PAGE = 10
RANGED = re.compile(r"(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)", re.IGNORECASE)


class Search:
    """One search on one session; ``references`` are the servers that it was sent on to."""

    def __init__(self, session: Session, target: Target, attributes: Sequence[str], page_size: int) -> None:
        self.references: list[tuple[str, ...]] = []
        self.pages_read = 0
        self._session = session
        self._target = target
        self._attributes = attributes
        self._page_size = page_size
        self._decoders = Decoders()
        self._entries = 0
        self._page: list[Entry] = []
        self._ranged: list[int] = []

    def pages(self) -> Iterator[list[Entry]]:
        """Yield each page; the next one is asked for before this one is handed out, so that nobody waits."""
        controls = self._session.root.controls
        paged = controls is None or PAGED_RESULTS in controls
        insist = controls is not None
        message = self._ask(b"", paged=paged, insist=insist)
        empty = 0
        while True:
            cookie = self._receive(message, paged=paged, insist=insist)
            self._complete_ranges()
            self.pages_read += 1
            page, self._page = self._page, []
            self._entries += len(page)
            if cookie:
                empty = 0 if page else empty + 1
                if empty > MOST_EMPTY_PAGES:
                    raise DirectoryUnavailable("The server sends empty pages without an end")
                message = self._ask(cookie, paged=True, insist=insist)
            if page:
                yield page
            if not cookie:
                return

    def first(self, limit: int) -> list[Entry]:
        """Return no more than the first entries; that there are others is no failure here."""
        target = self._target
        message = self._session.search(target.base, target.scope, target.filter, self._attributes, size_limit=limit)
        try:
            self._session.receive(message, self._take)
        except DirectoryUnavailable as refused:
            if refused.result_code != ldap.SIZELIMIT_EXCEEDED.errnum or not self._page:
                raise
        self._complete_ranges()
        return self._page[:limit]

    def _ask(self, cookie: bytes, *, paged: bool, insist: bool) -> int:
        target = self._target
        page = (self._page_size, cookie, insist) if paged else None
        return self._session.search(target.base, target.scope, target.filter, self._attributes, page=page)

    def _receive(self, message: int, *, paged: bool, insist: bool) -> bytes:
        """Take one page and return the cookie that leads to the next one, empty after the last."""
        end = None
        while end is None:
            try:
                end = self._session.receive(message, self._take, already=self._entries)
            except DirectoryUnavailable as refused:
                if not self._may_ask_for_less(refused):
                    raise
                self._page_size = max(self._page_size // 2, SMALLEST_PAGE)
                message = self._ask(b"", paged=paged, insist=insist)
        if end.cookie is None and paged and (insist or self.pages_read):
            raise DirectoryUnavailable(
                f"The server left out the paging control after {self._entries + len(self._page)} entries, "
                "so that there is no proof that this is all"
            )
        return end.cookie or b""

    def _may_ask_for_less(self, refused: DirectoryUnavailable) -> bool:
        """Whether the server may only have found the page too large: a refusal at once, before any entry."""
        untouched = not self.pages_read and not self._page
        limit = refused.result_code == ldap.ADMINLIMIT_EXCEEDED.errnum
        return limit and untouched and self._page_size > SMALLEST_PAGE

    def _take(self, dn: str | None, attributes: Attributes | Sequence[str]) -> None:
        if dn is None or not isinstance(attributes, Mapping):
            self.references.append(tuple(str(url) for url in attributes))
            return
        decoders = self._decoders
        texts = {}
        for name, values in attributes.items():
            # Active Directory sends member without values beside member;range=0-1499.
            if found := decoders[name](values):
                texts[name] = found
        if decoders.ranged and not decoders.ranged.isdisjoint(texts):
            self._ranged.append(len(self._page))
        self._page.append(Entry(dn, texts))

    def _complete_ranges(self) -> None:
        ranged, self._ranged = self._ranged, []
        for index in ranged:
            entry = self._page[index]
            texts = dict(entry.attributes)
            for name in self._decoders.ranged.intersection(texts):
                values = texts.pop(name)
                if found := RANGED.fullmatch(name):
                    texts[found["name"]] = (*values, *self._rest(entry.dn, found["name"], found["last"]))
            self._page[index] = replace(entry, attributes=texts)

    def _rest(self, dn: str, name: str, last: str) -> Iterator[str]:
        """Yield the values after the first range (MS-ADTS, 3.1.1.3.1.3.3)."""
        while last != "*":
            first = int(last) + 1
            search = Search(self._session, Target(dn, "base", "(objectClass=*)"), (f"{name};range={first}-*",), 1)
            values, last = search.one_range(name, first)
            yield from values

    def one_range(self, name: str, first: int) -> tuple[tuple[str, ...], str]:
        """Return the values from ``first`` on that the server sends at once, and the number of the last, or ``*``."""
        message = self._ask(b"", paged=False, insist=False)
        self._session.receive(message, self._take)
        for entry in self._page:
            for spelled, values in entry.attributes.items():
                found = RANGED.fullmatch(spelled)
                if not found or found["name"].lower() != name.lower() or int(found["first"]) != first:
                    continue
                if found["last"] == "*" or int(found["last"]) >= first:
                    return values, found["last"]
        raise DirectoryUnavailable(f"{self._target.base}: the values of {name} from {first} on can't be read")


class Decoders(dict[str, Decoder]):
    """The decoder of each attribute by the server's spelling; ``ranged`` are the spellings that hold only a part."""

    def __init__(self) -> None:
        super().__init__()
        self.ranged: set[str] = set()

    def __missing__(self, name: str) -> Decoder:
        if RANGED.fullmatch(name):
            self.ranged.add(name)
        self[name] = decoder(name)
        return self[name]


class Reading:
    """One reading of a directory; its figures count for something once ``complete`` is true.

    ``referrals`` are URLs of parts of the tree that the server has not got and that were not read.
    """

    def __init__(self, connection: Connection, session: Session, attributes: Sequence[str]) -> None:
        self.url = str(session.url)
        self.entries = 0
        self.pages_read = 0
        self.referrals: list[str] = []
        self.complete = False
        self._connection = connection
        self._session = session
        self._attributes = attributes
        self._begun = False
        self._visited: set[tuple[str, int, Target]] = set()

    def __iter__(self) -> Iterator[list[Entry]]:
        return self.pages()

    def pages(self) -> Iterator[list[Entry]]:
        """Yield the pages, once.

        Raises:
            DirectoryUnavailable: not everything could be read.
        """
        if self._begun:
            raise RuntimeError("a reading is read once")
        self._begun = True
        connection = self._connection
        target = Target(connection.search_base, connection.search_scope, connection.search_filter)
        self._visited.add(place(self._session.url, target))
        yield from self._read(self._session, target, hops=0)
        self.complete = True

    def _read(self, session: Session, target: Target, hops: int) -> Iterator[list[Entry]]:
        search = Search(session, target, self._attributes, self._connection.page_size)
        before = self.pages_read
        try:
            for page in search.pages():
                self.entries += len(page)
                self.pages_read = before + search.pages_read
                yield page
        except Referred as elsewhere:
            if not self._connection.follow_referrals:
                raise
            search.references.append(elsewhere.urls)
        self.pages_read = before + search.pages_read
        for urls in search.references:
            if self._connection.follow_referrals:
                yield from self._follow(urls, target, hops + 1)
            else:
                self.referrals.append(plain(urls[0] if urls else ""))

    def _follow(self, urls: tuple[str, ...], target: Target, hops: int) -> Iterator[list[Entry]]:
        """Read what a reference leads to; its URLs name the same thing, so that the first that answers will do."""
        targets = [found for url in urls if (found := parse_referral(url, target))]
        if not targets:
            self.referrals.append(plain(urls[0] if urls else ""))
            return
        if any(place(*found) in self._visited for found in targets):
            return
        if hops > MOST_HOPS:
            raise DirectoryUnavailable(f"More than {MOST_HOPS} referrals lead from one to the next")
        self._visited.update(place(*found) for found in targets)
        session, elsewhere = self._open_first(targets)
        try:
            yield from self._read(session, elsewhere, hops)
        finally:
            session.close()

    def _open_first(self, targets: list[tuple[Url, Target]]) -> tuple[Session, Target]:
        failures = []
        for url, target in targets:
            # What was encrypted so far stays so: the bind password goes along.
            start_tls = self._connection.start_tls or (self._session.encrypted and url.scheme == "ldap")
            try:
                return open_session(replace(self._connection, start_tls=start_tls), url, _ignore), target
            except DirectoryUnavailable as failure:
                failures.append(failure)
        raise DirectoryUnavailable(
            "A referral can't be followed: " + "; ".join(map(str, failures)), stage=failures[-1].stage
        )


@contextmanager
def open_reading(connection: Connection, *, attributes: Sequence[str] | None = None) -> Iterator[Reading]:
    """Connect, and give the reading of what the connection's search finds; the connection is closed at the end.

    Raises:
        DirectoryUnavailable: the server can't be reached, or refuses.
    """
    session = connect(connection, _ignore)
    try:
        yield Reading(connection, session, ATTRIBUTES if attributes is None else attributes)
    finally:
        session.close()


def pages(connection: Connection, *, attributes: Sequence[str] | None = None) -> Iterator[list[Entry]]:
    """Yield all entries that the connection's search finds, a page at a time.

    Raises:
        DirectoryUnavailable: not everything could be read; nothing may be concluded from the pages so far.
    """
    with open_reading(connection, attributes=attributes) as reading:
        yield from reading.pages()


def _ignore(_stage: Stage, _detail: str) -> None:
    return None
