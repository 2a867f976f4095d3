"""Proves that a user is gone, not hidden: reads the last known DN, and looks for other people around it.

A search does not show what an access rule hides from the bind DN, but a read of the DN itself does (RFC 4511, 4.1.9).
If the entry does not exist, the server returns as matchedDN the lowest DN above it that exists. If the entry is hidden,
the server returns no matchedDN, or refuses. Another known person of the same branch has to be found in three cases: the
server never returns a matchedDN; it is Active Directory, where this rule is not sure; it may be a proxy that hides
servers that are down.

A user who was moved to a branch where the bind DN has never seen anybody is gone: this directory shows nothing else,
and companies put leavers away like that.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import ldap

from directory.ldap.entry_identity import id_attributes, identity
from directory.ldap.errors import DirectoryUnavailable, Referred, plain
from directory.ldap.search.raw_entry import RawEntry, as_entries
from directory.ldap.search.search_locations import SearchLocation, parse_referral
from directory.ldap.transport.connect import open_session
from directory.ldap.transport.session import Session
from directory.values import distinguished_names
from directory.values.ldap import AttributeMapping, Connection, Encoded, Entry, MissingUser
from orgs.text import fold

# Other people of a branch that are read; several, because one of them may just have left.
MOST_NEIGHBOURS = 3
EVERYBODY = "(objectClass=*)"
# Takes the DN of a branch, and returns the DNs of people in it whom the last reading found.
Neighbours = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a read of a user's last known DN proves; ``doubt`` is why the user may still exist, empty if they are gone.

    ``proof`` is the sentence for the history if they are gone, without a full stop.
    """

    doubt: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The result of reading one DN: the ``entry``, or ``missing`` with the matchedDN, or ``words`` for any other result.

    ``session`` is the one that answered.
    """

    session: Session
    entry: Entry | None = None
    missing: bool = False
    matched: str = ""
    words: str = ""


@dataclass(slots=True)
class Visibility:
    """Checks what a bind DN can see around the last known DNs of users; each branch is checked once."""

    connection: Connection
    mapping: AttributeMapping
    neighbours: Neighbours
    stay: Callable[[], None]
    _elsewhere: dict[str, Session] = field(default_factory=dict)
    _branches: dict[tuple[int, str], str] = field(default_factory=dict)

    def close(self) -> None:
        """Close the connections to other servers, to which referrals have led."""
        for session in self._elsewhere.values():
            session.close()
        self._elsewhere.clear()

    def finding(self, session: Session, who: MissingUser) -> Finding:
        """Return the finding at a user's last known DN; raises DirectoryUnavailable if the server does not answer."""
        self.stay()
        answer, dn = self._read(session, who.dn), plain(who.dn)
        branch = plain(distinguished_names.parent(who.dn))
        if answer.entry is not None:
            return self._by_entry(answer.entry, who)
        if not answer.missing:
            return Finding(
                f"whether {dn} is gone can't be told, as the bind DN may not see all of {branch}: {answer.words}"
            )
        if self._goes_by_matched(answer.session) and answer.matched:
            return self._by_matched(answer, who.dn)
        return self._by_neighbours(answer, who.dn)

    def _by_entry(self, entry: Entry, who: MissingUser) -> Finding:
        """Compare the entry at the DN with the missing user."""
        dn, branch = plain(entry.dn), plain(distinguished_names.parent(entry.dn))
        ids, usernames = self._ids(entry), self._usernames(entry)
        known_ids = frozenset(map(fold, who.unique_ids))
        if ids & known_ids if known_ids else fold(who.username) in usernames:
            return Finding(f"still there at {dn}, although no search finds it; the bind DN may not see all of {branch}")
        if not usernames or (known_ids and not ids):
            missing = self.mapping.username if not usernames else "the immutable id"
            return Finding(
                f"{dn} is there, but the bind DN can't see its {missing}; who it is can't be told in {branch}"
            )
        if not known_ids:
            return Finding(
                f"{dn} is there with another username, and no immutable id tells whether it is the same person"
            )
        return Finding(proof=f"{dn} is another entry by now, with another immutable id")

    def _by_matched(self, answer: _Answer, dn: str) -> Finding:
        """Judge by the matchedDN; if it is not the parent of the DN, the branch below it has to be gone, too."""
        top, gone = plain(answer.matched), distinguished_names.child_on_the_way(answer.matched, dn)
        if not gone:
            return Finding(f"the server says that {plain(dn)} is gone, and names {top}, which is not above it")
        if not distinguished_names.same(gone, dn):
            above = self._read(answer.session, gone)
            if not above.missing or not distinguished_names.same(above.matched, answer.matched):
                return Finding(f"whether the branch {plain(gone)} is gone can't be told: the bind DN may not see it")
            return Finding(proof=f"its branch {plain(gone)} is gone, and {top} can be seen")
        return Finding(proof=f"nothing is at {plain(dn)}, and {top} can be seen")

    def _by_neighbours(self, answer: _Answer, dn: str) -> Finding:
        branch = distinguished_names.parent(dn)
        key = (id(answer.session), branch)
        if key not in self._branches:
            self._branches[key] = self._doubt_of_branch(answer.session, branch)
        if doubt := self._branches[key]:
            return Finding(f"whether {plain(dn)} is gone can't be told: {doubt}")
        return Finding(proof=f"nothing is at {plain(dn)}, and others of {plain(branch)} can be seen")

    def _doubt_of_branch(self, session: Session, branch: str) -> str:
        """Return why a branch, or a part of it, may be hidden; empty if known people of it can be seen."""
        named = plain(branch) or "the top"
        if self._goes_by_matched(session):
            # No entry has this name. If it gets a matchedDN although the DN in question got none, that DN is hidden.
            nobody = self._read(session, f"cn={uuid.uuid4()},{branch}")
            if nobody.matched:
                return f"the bind DN does not see it in {named}, where other DNs are said to be missing"
        others = [
            other
            for other in self.neighbours(branch)
            if distinguished_names.same(distinguished_names.parent(other), branch)
        ]
        for other in others[:MOST_NEIGHBOURS]:
            entry = self._read(session, other).entry
            if entry is not None and self._usernames(entry):
                return ""
        whom = "none of the others" if others else "nobody else"
        return f"the bind DN sees {whom} in the branch {named}, which it may not see at all"

    def _read(self, session: Session, dn: str) -> _Answer:
        """Read one entry without the connection's filter; follow one referral if the connection follows referrals."""
        try:
            answer, urls = self._search_entry(session, dn)
            if urls and self.connection.follow_referrals and session not in self._elsewhere.values():
                return self._read_elsewhere(session, dn, urls)
        except DirectoryUnavailable as refused:
            if refused.result_code is None:
                raise
            return _Answer(session, words=str(refused))
        return answer

    def _search_entry(self, session: Session, dn: str) -> tuple[_Answer, Sequence[str]]:
        """Return the answer, and the URLs that it refers to."""
        found: list[bytes] = []
        references: list[str] = []
        names = (self.mapping.username, *id_attributes(self.mapping))
        try:
            message = session.search(dn, "base", EVERYBODY, names)
            session.receive(message, found.extend, lambda urls: references.extend(map(str, urls)))
        except Referred as elsewhere:
            return _Answer(session, words=str(elsewhere)), elsewhere.urls
        except DirectoryUnavailable as refused:
            if refused.result_code != ldap.NO_SUCH_OBJECT.errnum:
                raise
            return _Answer(session, missing=True, matched=refused.matched_dn), ()
        if found:
            return _Answer(session, entry=as_entries([RawEntry(dn, b"", found[0])])[0]), ()
        words = "it refers to another server" if references else "the answer is empty, as of an entry that is hidden"
        return _Answer(session, words=words), references

    def _read_elsewhere(self, session: Session, dn: str, urls: Iterable[str]) -> _Answer:
        words = ""
        for text in urls:
            if (parts := parse_referral(text, SearchLocation(dn, "base", EVERYBODY))) is None:
                continue
            url, _ = parts
            try:
                if str(url) not in self._elsewhere:
                    start_tls = self.connection.start_tls or (session.encrypted and url.scheme == "ldap")
                    other = open_session(replace(self.connection, start_tls=start_tls), url)
                    self._elsewhere[str(url)] = other
                return self._read(self._elsewhere[str(url)], dn)
            except DirectoryUnavailable as failure:
                words = failure.problem
        return _Answer(session, words=words or "the referral leads nowhere")

    def _goes_by_matched(self, session: Session) -> bool:
        """Return whether the matchedDN of a server is a proof; that of a proxy with several servers behind it is none.

        If one of its servers is down, OpenLDAP's back-meta answers that the entries of that server do not exist, and
        its searches end in success. It is one of the servers that can't page.
        """
        return not (session.root.is_active_directory or self.connection.cannot_page)

    def _usernames(self, entry: Entry) -> set[str]:
        return {fold(value) for value in entry.values(self.mapping.username) if not isinstance(value, Encoded)}

    def _ids(self, entry: Entry) -> set[str]:
        return set(map(fold, identity(entry, self.mapping).ids))
