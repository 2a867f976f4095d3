"""Reads a directory to its end: a reading ends with a proof that every page has come, or raises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from directory.ldap.errors import DirectoryUnavailable, Referred, plain
from directory.ldap.incremental import cursor, read_scope
from directory.ldap.search.raw_entry import RawEntry, as_entries
from directory.ldap.search.reading_request import ReadingRequest
from directory.ldap.search.referrals import is_left_out, may_hold_people
from directory.ldap.search.search import Search, requested_attributes
from directory.ldap.search.search_locations import SearchLocation, location_key, parse_referral
from directory.ldap.transport.connect import connect, open_session
from directory.ldap.transport.session import Session
from directory.ldap.url import Url
from directory.values import distinguished_names
from directory.values.ldap import Connection, Entry, ReadingProof, ReadScope
from orgs.text import counted

MOST_HOPS = 10
MOST_ALIASES = 1000
# So many entries may come and go while a large directory is read; more are the sign of a fault.
USUAL_CHANGES = 5
USUAL_PERCENT = 1


class Reading:
    """One reading of a directory; its counts and lists are valid once there is a ``proof``.

    ``referrals`` are URLs of parts of the tree that the server does not hold and that were not read. ``left_out`` are
    URLs of parts that are left out on purpose. Partitions without people are in neither. ``twice`` are DNs that came
    again by a followed referral; the first copy counts. ``escaped`` are DNs that are not UTF-8, with escapes.
    ``extent`` is the scope of the reading: everything, or the changes since a cursor.
    """

    def __init__(self, connection: Connection, session: Session, attributes: Sequence[str], extent: ReadScope) -> None:
        self.url = str(session.url)
        self.entries = 0
        self.pages_read = 0
        self.referrals: list[str] = []
        self.left_out: list[str] = []
        self.twice: list[str] = []
        self.escaped: list[str] = []
        self.proof: ReadingProof | None = None
        self._searches: list[Search] = []
        self._counted: int | None = None
        self._connection = connection
        self._session = session
        self._attributes = attributes
        self.extent = extent
        self._begun = False
        # Hashes of the keys of DNs, because another server may spell them differently. Used only if referrals are
        # followed.
        self._came: set[int] = set()
        self._visited: set[tuple[str, int, SearchLocation]] = set()

    @property
    def complete(self) -> bool:
        """Whether every page has been read and proven."""
        return self.proof is not None

    def __iter__(self) -> Iterator[list[Entry]]:
        return self.pages()

    def pages(self) -> Iterator[list[Entry]]:
        """Return the pages as entries, once; raises as ``raw_pages`` does."""
        return map(as_entries, self.raw_pages())

    def raw_pages(self) -> Iterator[list[RawEntry]]:
        """Yield the pages as the server sent them, once.

        Raises:
            DirectoryUnavailable: not everything could be read.
        """
        if self._begun:
            raise RuntimeError("a reading is read once")
        self._begun = True
        connection, since = self._connection, self.extent.since
        if cursor.nothing_since(since, self.extent.position):
            self.proof = self._prove()
            return
        request = connection.search_filter
        if since is not None and cursor.cookie(since) is None:
            request = cursor.changed(since, request)
        target = SearchLocation(connection.search_base, connection.search_scope, request)
        self._visited.add(location_key(self._session.url, target))
        yield from self._read(self._session, target, hops=0)
        self.proof = self._prove()

    def _read(self, session: Session, target: SearchLocation, hops: int) -> Iterator[list[RawEntry]]:
        since = self.extent.since
        cookie = cursor.cookie(since) if since else None
        size = self._connection.page_size
        search = Search(session, target, self._attributes, size, changed_since=cookie)
        self._searches.append(search)
        before, earlier = self.pages_read, frozenset(self._came)
        try:
            for page in search.raw_pages():
                fresh = self._fresh(page, earlier) if self._connection.follow_referrals else page
                self.entries += len(fresh)
                self.pages_read = before + search.pages_read
                if fresh:
                    yield fresh
        except Referred as elsewhere:
            if not self._connection.follow_referrals:
                raise
            search.references.append(elsewhere.urls)
        except DirectoryUnavailable as failure:
            failure.broke_off_sync = failure.broke_off and cookie is not None
            raise
        self.pages_read = before + search.pages_read
        self.escaped += search.escaped
        self._look_again(session, target, search)
        for urls in search.references:
            if urls and not any(map(may_hold_people, urls)):
                continue
            if urls and all(is_left_out(url, self._connection.left_out_contexts) for url in urls):
                self.left_out.append(plain(urls[0]))
            elif self._connection.follow_referrals:
                yield from self._follow(urls, target, hops + 1)
            else:
                self.referrals.append(plain(urls[0] if urls else ""))

    def count_aliases(self) -> int:
        """Return how many aliases were not followed, up to ``MOST_ALIASES``; call it while the connection is open."""
        if self.extent.since is not None or self._connection.dereference_aliases:
            return 0
        target = SearchLocation(self._connection.search_base, self._connection.search_scope, "(objectClass=alias)")
        try:
            return len(Search(self._session, target, ("1.1",), MOST_ALIASES).first(MOST_ALIASES))
        except DirectoryUnavailable:
            # The count is only for a note; the people have been read without it.
            return 0

    def _fresh(self, page: list[RawEntry], earlier: frozenset[int]) -> list[RawEntry]:
        """Return a page without entries that earlier searches have returned."""
        keys = [hash(distinguished_names.key(raw.dn)) for raw in page]
        self._came.update(keys)
        fresh = [raw for raw, key in zip(page, keys, strict=True) if key not in earlier]
        if len(fresh) < len(page):
            self.twice += [raw.dn for raw, key in zip(page, keys, strict=True) if key in earlier]
        return fresh

    def _look_again(self, session: Session, target: SearchLocation, search: Search) -> None:
        """Compare the entries with a second search, for DNs only, if the first does not prove that it is complete."""
        if not search.unproven:
            return
        again = Search(session, target, ("1.1",), search.page_size)
        try:
            # Some servers, such as OpenLDAP, keep the state of a search with its connection, so the second needs a new
            # one.
            session.renew()
            again.names()
        except DirectoryUnavailable as failure:
            came = counted(len(search.dn_hashes), "entry", "entries")
            raise failure.as_part_of(f"{came} came, but they could not be counted again: {failure}") from None
        self._counted = (self._counted or 0) + len(again.dn_hashes)
        if again.dn_hashes.same_as(search.dn_hashes):
            return
        overlooked, gone = again.dn_hashes.not_in(search.dn_hashes), search.dn_hashes.not_in(again.dn_hashes)
        usual = max(USUAL_CHANGES, (len(search.dn_hashes) + overlooked) * USUAL_PERCENT // 100)
        if max(overlooked, gone) > usual:
            raise DirectoryUnavailable(
                f"{session.url}: the directory changed while it was being read: {counted(len(search.dn_hashes), 'entry', 'entries')} came, "
                f"{gone} of them are gone by now, and {overlooked} others are there"
            )

    def _prove(self) -> ReadingProof:
        session, searches = self._session, self._searches
        return ReadingProof(
            url=self.url,
            failed_urls=session.failed_urls,
            bound_as=session.bound_as,
            authorization=session.authorization,
            product=session.root.product,
            encrypted=session.encrypted,
            pages=self.pages_read,
            entries=self.entries,
            paged=all(search.paged for search in searches),
            controls_missing=sum(search.controls_missing for search in searches),
            # Search.raw_pages only ends without an error after an empty cookie.
            last_cookie_empty=True,
            results=dict(sum((search.results for search in searches), Counter())),
            estimate=sum(search.estimate for search in searches),
            counted=self._counted,
            referrals=tuple(self.referrals),
        )

    def _follow(self, urls: tuple[str, ...], target: SearchLocation, hops: int) -> Iterator[list[RawEntry]]:
        """Read the part that a referral leads to; all its URLs are for that part, so the first that answers is enough."""
        targets = [found for url in urls if (found := parse_referral(url, target))]
        if not targets:
            self.referrals.append(plain(urls[0] if urls else ""))
            return
        if any(location_key(*found) in self._visited for found in targets):
            return
        if hops > MOST_HOPS:
            raise DirectoryUnavailable(f"More than {MOST_HOPS} referrals lead from one to the next")
        self._visited.update(location_key(*found) for found in targets)
        session, elsewhere = self._open_first(targets)
        try:
            yield from self._read(session, elsewhere, hops)
        finally:
            session.close()

    def _open_first(self, targets: list[tuple[Url, SearchLocation]]) -> tuple[Session, SearchLocation]:
        failures = []
        for url, target in targets:
            # An encrypted connection leads to an encrypted one, because the bind password is sent there, too.
            start_tls = self._connection.start_tls or (self._session.encrypted and url.scheme == "ldap")
            try:
                return open_session(replace(self._connection, start_tls=start_tls), url), target
            except DirectoryUnavailable as failure:
                failures.append(failure)
        raise DirectoryUnavailable(
            "A referral can't be followed: " + "; ".join(map(str, failures)), stage=failures[-1].stage
        )


@contextmanager
def open_reading(request: ReadingRequest) -> Iterator[Reading]:
    """Connect, and yield the requested reading; the connection is closed at the end.

    Raises:
        DirectoryUnavailable: the server can't be reached, or refuses.
    """
    session = connect(request.connection)
    try:
        extent = read_scope.extent(session, request)
        yield Reading(request.connection, session, requested_attributes(request.attributes, request.named), extent)
    finally:
        session.close()


def pages(connection: Connection, *, attributes: Sequence[str] | None = None) -> Iterator[list[Entry]]:
    """Yield all entries that the connection's search finds, a page at a time.

    Raises:
        DirectoryUnavailable: not everything could be read; nothing may be concluded from the pages so far.
    """
    with open_reading(ReadingRequest(connection, attributes)) as reading:
        yield from reading.pages()
