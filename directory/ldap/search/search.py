"""Runs one search, page by page, and collects the proof that its answers are complete."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import ldap

from directory.ldap.error_advice import CANNOT_PAGE, with_advice
from directory.ldap.errors import DirectoryUnavailable, Referred, plain
from directory.ldap.search.dn_hashes import DnHashes
from directory.ldap.search.raw_entry import RawEntry, Texts, as_entries, texts_of
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.ber import attributes_of, names_of
from directory.ldap.transport.session import PAGED_RESULTS, PageEnd, Session
from directory.values.distinguished_names import text_of as dn_text
from directory.values.distinguished_names import texts_of as dn_texts
from directory.values.ldap import Entry
from orgs.text import counted

# All user attributes, and by name the operational ones that identify a person or show that an account is closed.
ATTRIBUTES = (
    "*", "entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID", "GUID", "ibm-entryUuid", "orclGuid", "memberOf",
    "isMemberOf", "nsRole", "nsAccountLock", "pwdAccountLockedTime", "ds-pwp-account-disabled", "loginDisabled",
)  # fmt: skip
MOST_EMPTY_PAGES = 100
FIRST_LOOK = 1000
DIGEST_SIZE = 16
SMALLEST_PAGE = 10
# So many entries may come twice, in number or in percent; more are the sign of wrong pages.
USUAL_REPETITIONS, USUAL_PERCENT = 5, 1
# The bytes of an entry contain this option if it has only a part of an attribute's values (MS-ADTS, 3.1.1.3.1.3.3).
RANGE_OPTION = b";range="
RANGED = re.compile(r"(?P<name>[^;]+);range=(?P<first>[0-9]+)-(?P<last>[0-9]+|\*)", re.IGNORECASE)
# Active Directory counts with 32 bits. Python refuses to convert thousands of digits to a number.
MOST_DIGITS = 10


def requested_attributes(attributes: Sequence[str] | None, named: Sequence[str]) -> tuple[str, ...]:
    """Return the attributes to request: ``attributes``, or all if that is None, and in both cases those ``named``.

    "All" are only a server's user attributes (RFC 4511, 4.5.1.8): operational and computed ones have to be named.
    """
    names = {name.lower(): name for name in (*(ATTRIBUTES if attributes is None else attributes), *named)}
    return tuple(names.values())


class Search:
    """One search on one session; ``references`` are the URLs of each referral.

    ``dn_hashes`` holds every DN that came, ``repeated`` is the number of those beyond the first time, ``escaped`` are
    DNs that are not UTF-8, and ``results`` counts the answers by their result. With the cookie ``changed_since`` the
    server sends the changes since that cookie (RFC 4533), in one page.
    """

    def __init__(
        self,
        session: Session,
        target: SearchLocation,
        attributes: Sequence[str],
        page_size: int,
        *,
        changed_since: str | None = None,
    ) -> None:
        self.references: list[tuple[str, ...]] = []
        self.pages_read = 0
        self.page_size = page_size
        self.dn_hashes = DnHashes()
        self.repeated = 0
        self.escaped: list[str] = []
        self.results: Counter[str] = Counter()
        self.estimate = 0
        self.paged = False
        self.controls_missing = 0
        self._session = session
        self._target = target
        self._attributes = attributes
        self._changed_since = changed_since
        self._entries = 0
        self._page: list[RawEntry] = []
        self._ranged: list[int] = []
        self._last: Sequence[bytes] = ()
        self._names_only = False
        self._looked_at = FIRST_LOOK

    def pages(self) -> Iterator[list[Entry]]:
        """Return the pages as entries; raises as ``raw_pages`` does."""
        return map(as_entries, self.raw_pages())

    def raw_pages(self) -> Iterator[list[RawEntry]]:
        """Yield each page, once the next one is requested; raises DirectoryUnavailable if pages may be missing."""
        self.paged = paged = self._may_page()
        # Some servers support the control but do not list it. For these it is not critical, so that others ignore it.
        insist = PAGED_RESULTS in (self._session.root.controls or ())
        if paged:
            self._session.begin_paging()
        message = self._send_request(b"", paged=paged, insist=insist)
        empty = 0
        while True:
            cookie = self._receive(message, paged=paged, insist=insist)
            self._complete_ranges()
            self.pages_read += 1
            page, self._page = self._page, []
            came, self._entries = len(self.dn_hashes) > self._entries, len(self.dn_hashes)
            if cookie:
                empty = 0 if came else empty + 1
                if empty > MOST_EMPTY_PAGES:
                    raise DirectoryUnavailable("The server sends empty pages without an end")
                message = self._send_request(cookie, paged=True, insist=insist)
            if not cookie:
                self._look_for_repetitions()
            if page:
                yield page
            if not cookie:
                return

    def names(self) -> None:
        """Read all pages, but keep only the DNs, in ``dn_hashes``; raises as ``raw_pages`` does."""
        self._names_only = True
        for _ in self.raw_pages():
            pass

    def first(self, limit: int, *, complete: bool = True) -> list[Entry]:
        """Return the first entries, at most ``limit``; it is no failure if there are more.

        Unless ``complete``, an attribute with many values keeps those that come at once, under a name with their range.
        """
        target = self._target
        message = self._session.search(target.base, target.scope, target.filter, self._attributes, size_limit=limit)
        try:
            self._session.receive(message, self._take, self._refer)
        except DirectoryUnavailable as refused:
            if refused.result_code != ldap.SIZELIMIT_EXCEEDED.errnum or not self._page:
                raise
        if complete:
            self._complete_ranges()
        return as_entries(self._page[:limit])

    @property
    def unproven(self) -> bool:
        """Whether a second search has to confirm this one: it has several pages, or no proof that it is complete."""
        if self._is_single or self._changed_since is not None:
            return False
        doubts = self.pages_read > 1, self.estimate > len(self.dn_hashes), self.repeated, self.controls_missing
        return not self.paged or any(doubts)

    @property
    def _untouched(self) -> bool:
        return not self.pages_read and not self.dn_hashes

    @property
    def _is_single(self) -> bool:
        return self._target.scope == "base"

    def _may_page(self) -> bool:
        """Whether to request pages: not for a single entry, as 389 Directory Server sends no control if it is gone."""
        return not (self._is_single or self._changed_since is not None or self._session.cannot_page)

    def _send_request(self, cookie: bytes, *, paged: bool, insist: bool) -> int:
        target = self._target
        page = (self.page_size, cookie, insist) if paged else None
        since = self._changed_since
        return self._session.search(
            target.base, target.scope, target.filter, self._attributes, page=page, changed_since=since
        )

    def _receive(self, message: int, *, paged: bool, insist: bool) -> bytes:
        """Receive one page and return the cookie for the next one, empty after the last."""
        end = None
        while end is None:
            try:
                end = self._session.receive(message, self._take, self._refer, already=self._entries)
            except Referred:
                self.results["referral"] += 1
                raise
            except DirectoryUnavailable as refused:
                if not self._may_request_less(refused):
                    raise with_advice(refused, paged=self.paged, untouched=self._untouched) from None
                self.results["adminLimitExceeded"] += 1
                self.page_size = max(self.page_size // 2, SMALLEST_PAGE)
                message = self._send_request(b"", paged=paged, insist=insist)
        self._note(end)
        if end.cookie is None and paged and (insist or self.pages_read):
            if not self.dn_hashes:
                self._make_sure_of_the_base()
            raise DirectoryUnavailable(
                f"The server left out the paging control after {counted(len(self.dn_hashes), 'entry', 'entries')}, "
                f"so that there is no proof that this is all. {CANNOT_PAGE}"
            )
        return end.cookie or b""

    def _make_sure_of_the_base(self) -> None:
        """Raise the server's error about the base: some servers send none for a paged search if the base is missing."""
        message = self._session.search(self._target.base, "base", "(objectClass=*)", ("1.1",))
        self._session.receive(message, _ignore, _ignore)

    def _note(self, end: PageEnd) -> None:
        self.results["success"] += 1
        self.estimate = max(self.estimate, end.estimate)
        self.controls_missing += self.paged and end.cookie is None

    def _may_request_less(self, refused: DirectoryUnavailable) -> bool:
        """Whether a smaller page may help: the server refused at once because of a limit, before any entry."""
        limit = refused.result_code == ldap.ADMINLIMIT_EXCEEDED.errnum
        return limit and self._untouched and self.page_size > SMALLEST_PAGE

    def _refer(self, urls: Sequence[str]) -> None:
        self.references.append(tuple(map(str, urls)))

    def _take(self, contents: Sequence[bytes]) -> None:
        if self._changed_since is not None:
            # An entry without attributes only shows that it still exists or is gone (RFC 4533, 3.3.2).
            contents = [content for content in contents if attributes_of(content)]
        names = names_of(contents)
        self.dn_hashes.add(names)
        self._last = names
        if len(self.dn_hashes) >= self._looked_at * 2:
            # Checked from time to time, to notice a server that sends the same pages again and again.
            self._look_for_repetitions()
        if self._names_only:
            return
        for index, content in enumerate(contents, start=len(self._page)):
            if RANGE_OPTION in content:
                self._ranged.append(index)
        dns, escaped = dn_texts(names)
        self.escaped += escaped
        # A different order of attributes or values changes the digest, which only costs time.
        self._page += [
            RawEntry(dn, blake2b(content, digest_size=DIGEST_SIZE).digest(), content)
            for dn, content in zip(dns, contents, strict=True)
        ]

    def _look_for_repetitions(self) -> None:
        """Raise if more than a few entries came twice; the message can name one of the last page.

        A few are allowed: the caller counts equal ones once, and a second search shows whether others are missing.
        """
        self._looked_at = max(len(self.dn_hashes), FIRST_LOOK)
        self.repeated = count = self.dn_hashes.repeated()
        # Some servers send a person once for each alias of them; a second search has to return the same entries then.
        if self._session.dereferences or count <= max(USUAL_REPETITIONS, len(self.dn_hashes) * USUAL_PERCENT // 100):
            return
        twice = [dn_text(name) for name, came in self.dn_hashes.counts(self._last).items() if came > 1]
        repeated = counted(count, "entry", "entries") + (f", {plain(twice[0])} among them," if twice else "")
        raise DirectoryUnavailable(
            f"{self._session.url}: {repeated} came twice, so that others may not have come at all"
        )

    def _complete_ranges(self) -> None:
        ranged, self._ranged = self._ranged, []
        for index in ranged:
            raw = self._page[index]
            texts = dict(texts_of(raw))
            parts = [(name, found) for name in texts if (found := RANGED.fullmatch(name))]
            if any(len(number) > MOST_DIGITS for _, found in parts for number in found.group("first", "last")):
                raise DirectoryUnavailable(
                    f"{self._session.url}: the answer can't be read ({plain(raw.dn)}: a range of values)"
                )
            for spelled, found in parts:
                texts[found["name"]] = (*texts.pop(spelled), *self._rest(raw.dn, found["name"], found["last"]))
            if parts:
                self._page[index] = RawEntry(raw.dn, _digest(raw.dn, texts), texts)

    def _rest(self, dn: str, name: str, last: str) -> Iterator[str]:
        """Yield the values after the first range (MS-ADTS, 3.1.1.3.1.3.3)."""
        while last != "*":
            first = int(last) + 1
            search = Search(
                self._session, SearchLocation(dn, "base", "(objectClass=*)"), (f"{name};range={first}-*",), 1
            )
            values, last = search.one_range(name, first)
            yield from values

    def one_range(self, name: str, first: int) -> tuple[tuple[str, ...], str]:
        """Return the values from ``first`` on that come at once, and the number of the last one, or ``*`` at the end."""
        message = self._send_request(b"", paged=False, insist=False)
        self._session.receive(message, self._take, self._refer)
        for entry in as_entries(self._page):
            for spelled, values in entry.attributes.items():
                found = RANGED.fullmatch(spelled)
                if not found or found["name"].lower() != name.lower() or found["first"] != str(first):
                    continue
                if found["last"] == "*" or (len(found["last"]) <= MOST_DIGITS and int(found["last"]) >= first):
                    return values, found["last"]
        raise DirectoryUnavailable(f"{self._target.base}: the values of {name} from {first} on can't be read")


def _ignore(_come: Sequence[object]) -> None:
    return None


def _digest(dn: str, texts: Texts) -> bytes:
    """Return a hash of an entry that came in several parts."""
    content = (dn, {name: [(type(value).__name__, value) for value in values] for name, values in texts.items()})
    return blake2b(repr(content).encode("utf-8", "surrogatepass"), digest_size=DIGEST_SIZE).digest()
