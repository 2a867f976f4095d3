"""Asks a whole directory for those whom a reading did not find: nowhere, moved away, no longer matched, or overlooked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from directory.sync.identity import UNIQUE_IDS
from directory.sync.source.checks import escape_filter
from directory.sync.source.failures import DirectoryUnavailable, Stage, plain
from directory.sync.source.referrals import trees_with_people
from directory.sync.source.search import Search
from directory.sync.source.session import UNSEEN, Session, connect
from directory.sync.source.targets import Target
from directory.sync.source.text import values_of
from directory.sync.values import AttributeMapping, Connection, Entry, Sought, Whereabouts
from orgs.text import fold

# So many are asked for with one search.
AT_ONCE = 50
OVERLOOKED = "found after all at {}: the directory changed while it was being read"
UNMATCHED = "still in the directory at {}, but the filter does not match"
MOVED = "moved out of the search base to {}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to look, what has to match there besides, and what it means to be found there.

    ``by_name_too`` looks for usernames even where immutable ids are known, as a reading does.
    """

    base: str
    scope: str
    matching: str
    absent: bool
    words: str
    by_name_too: bool = False


class Inquiry:
    """One server, to be asked for users; it connects when it is first asked, and is asked no more once that failed."""

    def __init__(self, connection: Connection, mapping: AttributeMapping) -> None:
        self._connection = connection
        self._mapping = mapping
        self._names = (mapping.username, *_id_attributes(mapping))
        self._session: Session | None = None
        self._trouble = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session:
            self._session.close()
            self._session = None

    def whereabouts(self, sought: Sequence[Sought]) -> dict[int, Whereabouts]:
        """Return for each of them, by user id, what the directory says; an error leaves the absence unconfirmed."""
        told: dict[int, Whereabouts] = {}
        for start in range(0, len(sought), AT_ONCE):
            batch = sought[start : start + AT_ONCE]
            if not self._trouble:
                try:
                    told |= self._ask(batch)
                    continue
                except DirectoryUnavailable as failure:
                    self._trouble = str(failure).rstrip(".")
            words = f"a second search could not confirm the absence: {self._trouble}"
            told |= {who.user_id: Whereabouts(absent=False, told=words) for who in batch}
        return told

    def _ask(self, batch: Sequence[Sought]) -> dict[int, Whereabouts]:
        if self._session is None:
            self._session = connect(self._connection, _ignore)
        trees = trees_with_people(self._session.root.contexts, self._connection.search_base)
        told: dict[int, Whereabouts] = {}
        for place in self._places(trees):
            rest = [who for who in batch if who.user_id not in told]
            for pk, dns in self._find(self._session, place, rest).items():
                words = place.words.format(plain(" and ".join(dns)))
                told[pk] = Whereabouts(absent=place.absent, told=words, dns=tuple(dns))
        for who in batch:
            told.setdefault(who.user_id, Whereabouts(absent=True, told=_nobody(who, trees)))
        return told

    def _places(self, trees: Sequence[str]) -> Iterator[_Place]:
        base, scope = self._connection.search_base, self._connection.search_scope
        matching = self._connection.search_filter.strip()
        yield _Place(base, scope, matching, absent=False, words=OVERLOOKED, by_name_too=True)
        yield _Place(base, scope, "", absent=True, words=UNMATCHED)
        for tree in trees:
            yield _Place(tree, "subtree", "", absent=True, words=MOVED)

    def _find(self, session: Session, place: _Place, sought: Sequence[Sought]) -> dict[int, list[str]]:
        """Return the DNs under which they are found there, by user id."""
        if not sought:
            return {}
        anyone = "".join(_condition(who, self._mapping, by_name_too=place.by_name_too) for who in sought)
        target = Target(place.base, place.scope, f"(&{place.matching}(|{anyone}))")
        found: dict[int, list[str]] = {}
        try:
            for page in Search(session, target, self._names, self._connection.page_size).pages():
                for entry in page:
                    for pk in self._whom(entry, sought, by_name_too=place.by_name_too):
                        found.setdefault(pk, []).append(entry.dn)
        except DirectoryUnavailable as refused:
            # Many accounts may see no more than the search base; there, a refusal counts.
            if refused.result_code not in UNSEEN or place.words != MOVED:
                raise
        return found

    def _whom(self, entry: Entry, sought: Sequence[Sought], *, by_name_too: bool) -> list[int]:
        """Return whom an entry is that matched; a server may compare more loosely than we do."""
        username, *ids = ({fold(value) for value in entry.values(name)} for name in self._names)
        known = frozenset[str]().union(*ids)
        if not known and not username:
            raise DirectoryUnavailable(f"who {plain(entry.dn)} is can't be read")
        by_id = [who.user_id for who in sought if who.unique_id and fold(who.unique_id) in known]
        named = [who for who in sought if by_name_too or not who.unique_id]
        by_name = [who.user_id for who in named if fold(who.username) in username]
        return [*by_id, *(pk for pk in by_name if pk not in by_id)]


def _id_attributes(mapping: AttributeMapping) -> tuple[str, ...]:
    chosen = mapping.unique_id.strip()
    return (chosen,) if chosen else UNIQUE_IDS


def _condition(who: Sought, mapping: AttributeMapping, *, by_name_too: bool) -> str:
    """Return the filter for one user: by immutable id where one is known, whatever attribute it came from."""
    terms = [
        f"({name}={escape_filter(value)})"
        for name in (_id_attributes(mapping) if who.unique_id else ())
        for value in values_of(name, who.unique_id)
    ]
    if by_name_too or not terms:
        terms.append(f"({mapping.username}={escape_filter(who.username)})")
    return f"(|{''.join(terms)})"


def _nobody(who: Sought, trees: Sequence[str]) -> str:
    by = f"immutable id {who.unique_id}" if who.unique_id else f"username {who.username}"
    return plain(f"nobody with the {by} anywhere in {' and '.join(trees)}")


def _ignore(_stage: Stage, _detail: str) -> None:
    return None
