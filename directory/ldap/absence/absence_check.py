"""Searches a whole directory for missing users: gone, moved, no longer matched by the filter, or overlooked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from directory.ldap.absence.visibility import Finding, Neighbours, Visibility
from directory.ldap.entry_identity import id_attributes, identity, own_attribute, parts_of_id
from directory.ldap.errors import DirectoryUnavailable, plain
from directory.ldap.search.person_filter import person_filter
from directory.ldap.search.referrals import trees_with_people
from directory.ldap.search.search import Search
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.connect import connect
from directory.ldap.transport.session import UNSEEN, Session
from directory.ldap.validation.dn_and_attribute_syntax import escape_filter
from directory.values import distinguished_names
from directory.values.ldap import AbsenceCheckResult, AttributeMapping, Connection, Entry, MissingUser
from directory.values.scripts import ANOTHER_PERSON
from orgs.text import fold

# The most users in one search.
AT_ONCE = 50
OVERLOOKED = "found after all at {}: the directory changed while it was being read"
UNMATCHED = "still in the directory at {}, but the filter does not match"
UNDECIDED = (
    "still in the directory at {}, but whether the filter matches can't be told, as if the bind DN can't see all that the "
    "filter asks for"
)
MOVED = "moved out of the search base to {}"
ALIKE = (
    "the directory takes {} for the username {}, though it is spelled otherwise there; if it is the same person, rename the "
    f"user, else press {ANOTHER_PERSON} on the user's page"
)


@dataclass(frozen=True, slots=True)
class _SearchStep:
    """One of the searches for missing users: its location and filter, and what it means if an entry is found there.

    ``absent`` and ``words`` are for the result of a found user. ``by_name_too`` searches for usernames even where
    immutable ids are known, as a reading does.
    """

    base: str
    scope: str
    matching: str
    absent: bool
    words: str
    by_name_too: bool = False


def _nobody_else(_branch: str) -> Sequence[str]:
    return ()


def _nobody_lost() -> Sequence[MissingUser]:
    return ()


def _go_on() -> None:
    return None


class _Unreadable(DirectoryUnavailable):
    """An entry was found, but the bind DN can't read its username or immutable id."""


class AbsenceCheck:
    """Absence checks on one server; the first one connects, and after a failed search no other one is made.

    ``neighbours`` returns people whom the last reading found in a branch. ``lost`` returns people whom this server had,
    but the last reading did not find. ``stay`` is called before each read of a single DN.
    """

    def __init__(
        self,
        connection: Connection,
        mapping: AttributeMapping,
        *,
        neighbours: Neighbours = _nobody_else,
        lost: Callable[[], Sequence[MissingUser]] = _nobody_lost,
        stay: Callable[[], None] = _go_on,
    ) -> None:
        self._connection = connection
        self._mapping = mapping
        self._names = (mapping.username, *id_attributes(mapping))
        self._visibility = Visibility(connection, mapping, neighbours, stay)
        self._stay = stay
        self._lost = lost
        self._hidden: str | None = None
        self._session: Session | None = None
        self._trouble = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._visibility.close()
        if self._session:
            self._session.close()
            self._session = None

    def look_for(self, missing_users: Sequence[MissingUser]) -> dict[int, AbsenceCheckResult]:
        """Return the result for each user, by user id; an error leaves the absence unconfirmed."""
        results: dict[int, AbsenceCheckResult] = {}
        # A company's own number of an attribute that was mapped before can't be compared with values of the present
        # one.
        own = {"", own_attribute(self._mapping)}
        searchable = [
            replace(who, unique_ids=tuple(one for one in who.unique_ids if parts_of_id(one)[0] in own))
            for who in missing_users
        ]
        for start in range(0, len(searchable), AT_ONCE):
            batch = searchable[start : start + AT_ONCE]
            if not self._trouble:
                try:
                    results |= self._check_in_parts(batch)
                    continue
                except DirectoryUnavailable as failure:
                    self._trouble = failure.problem.rstrip(".")
            words = f"a second search could not confirm the absence: {self._trouble}"
            results |= {who.user_id: AbsenceCheckResult(absent=False, sentence=words) for who in batch}
        return results

    def _check_in_parts(self, batch: Sequence[MissingUser]) -> dict[int, AbsenceCheckResult]:
        """Search for all users at once; if an entry can't be read and may be any user's, search for each half again."""
        try:
            return self._check(batch)
        except _Unreadable as entry:
            if len(batch) == 1:
                words = f"a second search could not confirm the absence: {entry}"
                return {batch[0].user_id: AbsenceCheckResult(absent=False, sentence=words)}
        self._stay()
        middle = len(batch) // 2
        return self._check_in_parts(batch[:middle]) | self._check_in_parts(batch[middle:])

    def _check(self, batch: Sequence[MissingUser]) -> dict[int, AbsenceCheckResult]:
        if self._session is None:
            self._session = connect(self._connection)
        trees = trees_with_people(self._session.root.contexts, self._connection.search_base)
        results: dict[int, AbsenceCheckResult] = {}
        for step in self._search_steps(trees):
            rest = [who for who in batch if who.user_id not in results]
            entries, loose = self._find(self._session, step, rest)
            for pk, found in entries.items():
                dns = tuple(entry.dn for entry in found)
                sentence = step.words.format(plain(" and ".join(dns)))
                results[pk] = AbsenceCheckResult(step.absent, sentence, dns, overlooked=step.words == OVERLOOKED)
            if loose:
                rest = [who for who in rest if who.user_id not in results and (step.by_name_too or not who.unique_ids)]
                results |= self._taken_for(self._session, step, rest)
        for who in batch:
            if who.user_id not in results:
                results[who.user_id] = self._gone_or_hidden(self._session, who, trees)
        return results

    def _gone_or_hidden(self, session: Session, who: MissingUser, trees: Sequence[str]) -> AbsenceCheckResult:
        """Return the result for a user whom no search finds, by a read of the last known DN."""
        finding = Finding()
        if who.dn:
            finding = self._visibility.finding(session, who)
        elif who.never_found:
            finding = Finding(doubt=self._something_hidden(session))
        nobody = _nobody(who, trees)
        if finding.doubt:
            return AbsenceCheckResult(absent=False, sentence=f"{nobody}, but {finding.doubt}")
        return AbsenceCheckResult(absent=True, sentence=f"{nobody}, {finding.proof}" if finding.proof else nobody)

    def _something_hidden(self, session: Session) -> str:
        """Return which part of the directory is hidden by now, where a never found user may be; checked once."""
        if self._hidden is None:
            findings = [self._visibility.finding(session, other) for other in self._lost()]
            doubt = next((finding.doubt for finding in findings if finding.doubt), "")
            self._hidden = doubt and f"a part of the directory may be hidden: {doubt}"
        return self._hidden

    def _search_steps(self, trees: Sequence[str]) -> Iterator[_SearchStep]:
        base, scope = self._connection.search_base, self._connection.search_scope
        matching = self._connection.search_filter.strip()
        yield _SearchStep(base, scope, matching, absent=False, words=OVERLOOKED, by_name_too=True)
        # On attributes that the bind DN may not see, a filter is neither true nor false (RFC 4511, 4.5.1.7).
        yield _SearchStep(base, scope, f"(!{matching})", absent=True, words=UNMATCHED)
        yield _SearchStep(base, scope, "", absent=False, words=UNDECIDED)
        # A tree with an empty name is the whole directory with an empty base; the steps above have searched it.
        for tree in filter(None, trees):
            yield _SearchStep(tree, "subtree", "", absent=True, words=MOVED)

    def _find(
        self, session: Session, step: _SearchStep, missing_users: Sequence[MissingUser]
    ) -> tuple[dict[int, list[Entry]], bool]:
        """Return the entries of these users by user id, and whether others came that match no user by our comparison."""
        if not missing_users:
            return {}, False
        anyone = "".join(
            person_filter(who.username, who.unique_ids, self._mapping, by_name_too=step.by_name_too)
            for who in missing_users
        )
        target = SearchLocation(step.base, step.scope, f"(&{step.matching}(|{anyone}))")
        found: dict[int, list[Entry]] = {}
        loose = False
        try:
            for page in Search(session, target, self._names, self._connection.page_size).pages():
                for entry in page:
                    whom = self._whom(entry, missing_users, by_name_too=step.by_name_too)
                    loose |= not whom and not any(_is_another(entry, who) for who in missing_users)
                    for pk in whom:
                        found.setdefault(pk, []).append(entry)
        except DirectoryUnavailable as refused:
            # Many accounts may only see the search base, so a refusal elsewhere does not count.
            if refused.result_code not in UNSEEN or step.words != MOVED:
                raise
        return found, loose

    def _taken_for(
        self, session: Session, step: _SearchStep, missing_users: Sequence[MissingUser]
    ) -> dict[int, AbsenceCheckResult]:
        """Return a conflict for each user with an entry by the directory's own comparison, such as Renée for renee.

        Active Directory compares like that. Each user is searched alone: an answer for many does not show which user an
        entry is for.
        """
        results = {}
        for who in missing_users:
            name = f"({self._mapping.username}={escape_filter(who.username)})"
            target = SearchLocation(step.base, step.scope, f"(&{step.matching}{name})")
            pages = Search(session, target, self._names, self._connection.page_size).pages()
            dns = tuple(entry.dn for page in pages for entry in page if not _is_another(entry, who))
            if dns:
                words = ALIKE.format(plain(" and ".join(dns)), plain(who.username))
                results[who.user_id] = AbsenceCheckResult(absent=False, sentence=words, dns=dns, conflict=True)
        return results

    def _whom(self, entry: Entry, missing_users: Sequence[MissingUser], *, by_name_too: bool) -> list[int]:
        """Return the ids of the users to whom a found entry belongs; the server may compare more loosely than we do."""
        username = {fold(value) for value in entry.values(self._mapping.username)}
        ids = {fold(one) for one in identity(entry, self._mapping).ids}
        if not ids and not username:
            raise _Unreadable(f"who {plain(entry.dn)} is can't be read")
        by_id = [who.user_id for who in missing_users if not ids.isdisjoint(map(fold, who.unique_ids))]
        named = [who for who in missing_users if by_name_too or not who.unique_ids]
        by_name = [who.user_id for who in named if fold(who.username) in username and not _is_another(entry, who)]
        return [*by_id, *(pk for pk in by_name if pk not in by_id)]


def _is_another(entry: Entry, who: MissingUser) -> bool:
    """Return whether an entry is known as that of another person with the same username."""
    return bool(who.namesakes) and distinguished_names.is_among(entry.dn, who.namesakes)


def _nobody(who: MissingUser, trees: Sequence[str]) -> str:
    by = f"immutable id {' or '.join(who.unique_ids)}" if who.unique_ids else f"username {who.username}"
    return plain(f"nobody with the {by} anywhere in {' and '.join(trees) or 'the whole directory'}")
