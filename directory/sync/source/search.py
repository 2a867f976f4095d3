"""One search, page by page, and what its answers say about their own completeness."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import ldap

from directory.sync.source.failures import DirectoryUnavailable, Referred, plain
from directory.sync.source.session import PAGED_RESULTS, Attributes, PageEnd, Session
from directory.sync.source.targets import Target
from directory.sync.source.text import Decoder, decoder
from directory.sync.values import Entry

# All user attributes, and by name the operational ones that identify somebody or say that an account is closed.
ATTRIBUTES = (
    "*", "entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID", "GUID", "ibm-entryUuid", "orclGuid", "memberOf",
    "isMemberOf", "nsRole", "nsAccountLock", "pwdAccountLockedTime", "ds-pwp-account-disabled", "loginDisabled",
)  # fmt: skip
MOST_EMPTY_PAGES = 100
SMALLEST_PAGE = 10
RANGED = re.compile(r"(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)", re.IGNORECASE)


class Search:
    """One search on one session; ``references`` are the servers that it was sent on to.

    ``seen`` holds a hash of every DN that came, and ``results`` counts the answers by their result.
    """

    def __init__(self, session: Session, target: Target, attributes: Sequence[str], page_size: int) -> None:
        self.references: list[tuple[str, ...]] = []
        self.pages_read = 0
        self.page_size = page_size
        self.seen: set[int] = set()
        self.results: Counter[str] = Counter()
        self.estimate = 0
        self.paged = False
        self.controls_missing = 0
        self._session = session
        self._target = target
        self._attributes = attributes
        self._decoders = Decoders()
        self._entries = 0
        self._page: list[Entry] = []
        self._ranged: list[int] = []

    def pages(self) -> Iterator[list[Entry]]:
        """Yield each page; the next one is asked for before this one is handed out, so that nobody waits."""
        controls = self._session.root.controls
        self.paged = paged = controls is None or PAGED_RESULTS in controls
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
        page = (self.page_size, cookie, insist) if paged else None
        return self._session.search(target.base, target.scope, target.filter, self._attributes, page=page)

    def _receive(self, message: int, *, paged: bool, insist: bool) -> bytes:
        """Take one page and return the cookie that leads to the next one, empty after the last."""
        end = None
        while end is None:
            try:
                end = self._session.receive(message, self._take, already=self._entries)
            except Referred:
                self.results["referral"] += 1
                raise
            except DirectoryUnavailable as refused:
                if not self._may_ask_for_less(refused):
                    raise
                self.results["adminLimitExceeded"] += 1
                self.page_size = max(self.page_size // 2, SMALLEST_PAGE)
                message = self._ask(b"", paged=paged, insist=insist)
        self._note(end)
        if end.cookie is None and paged and (insist or self.pages_read):
            raise DirectoryUnavailable(
                f"The server left out the paging control after {self._entries + len(self._page)} entries, "
                "so that there is no proof that this is all"
            )
        return end.cookie or b""

    def _note(self, end: PageEnd) -> None:
        self.results["success"] += 1
        self.estimate = max(self.estimate, end.estimate)
        self.controls_missing += self.paged and end.cookie is None

    def _may_ask_for_less(self, refused: DirectoryUnavailable) -> bool:
        """Whether the server may only have found the page too large: a refusal at once, before any entry."""
        untouched = not self.pages_read and not self._page
        limit = refused.result_code == ldap.ADMINLIMIT_EXCEEDED.errnum
        return limit and untouched and self.page_size > SMALLEST_PAGE

    def _take(self, dn: str | None, attributes: Attributes | Sequence[str]) -> None:
        if dn is None or not isinstance(attributes, Mapping):
            self.references.append(tuple(str(url) for url in attributes))
            return
        key = hash(dn)
        if key in self.seen:
            raise DirectoryUnavailable(
                f"{self._session.url}: the entry {plain(dn)} came twice, so that others may not have come at all"
            )
        self.seen.add(key)
        decoders = self._decoders
        texts = {}
        for name, values in attributes.items():
            # Active Directory sends member without values beside member;range=0-1499.
            if found := decoders[name](values):
                texts[name] = found
        if decoders.ranged and not decoders.ranged.isdisjoint(texts):
            self._ranged.append(len(self._page))
        self._page.append(Entry(dn, texts, _digest((dn, attributes))))

    def _complete_ranges(self) -> None:
        ranged, self._ranged = self._ranged, []
        for index in ranged:
            entry = self._page[index]
            texts = dict(entry.attributes)
            for name in self._decoders.ranged.intersection(texts):
                values = texts.pop(name)
                if found := RANGED.fullmatch(name):
                    texts[found["name"]] = (*values, *self._rest(entry.dn, found["name"], found["last"]))
            typed = {name: [(type(value).__name__, value) for value in values] for name, values in texts.items()}
            self._page[index] = replace(entry, attributes=texts, digest=_digest((entry.dn, typed)))

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


def _digest(told: object) -> bytes:
    """Return a hash of one entry as it came; an order of attributes or values other than before makes another one."""
    return hashlib.blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=16).digest()


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
