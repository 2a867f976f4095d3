"""Proves that somebody is gone, not hidden: by what their last known DN says, and who else can be seen around it.

A search says nothing of what an access rule hides from the bind DN. A read of the DN itself does (RFC 4511, 4.1.9): for
an entry that is not there a server names as matchedDN the last part of the way that is there; for one that is hidden it
names none, or refuses. Where a server names none at all, on Active Directory, where that is not known to be so, and where
it may be a proxy that hides servers which are down, another known person of the same branch has to be found.

Whoever was moved to where the bind DN has never seen anybody is gone, as far as this directory tells us anything: that is
how leavers are put away.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import ldap

from directory.ldap.errors import DirectoryUnavailable, Referred, plain
from directory.ldap.identity import id_attributes, identity
from directory.ldap.search.raw_entry import RawEntry, as_entries
from directory.ldap.search.search_targets import SearchLocation, parse_referral
from directory.ldap.transport.connect import open_session
from directory.ldap.transport.session import Session
from directory.values import distinguished_names
from directory.values.ldap import AttributeMapping, Connection, Encoded, Entry, MissingUser
from orgs.text import fold

# So many other people of a branch are searched, as one of them may just have left.
MOST_NEIGHBOURS = 3
EVERYBODY = "(objectClass=*)"
# Takes the DN of a branch, and returns the DNs of people in it whom the last reading found.
Neighbours = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the last known DN of somebody proves: ``doubt`` is why they may still be there, empty where they are gone.

    ``proof`` is the sentence for the history where they are, without a full stop.
    """

    doubt: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a read of one DN brought: the entry, that there is none, with the matchedDN, or ``words`` for anything else.

    ``session`` is the one that answered.
    """

    session: Session
    entry: Entry | None = None
    missing: bool = False
    matched: str = ""
    words: str = ""


@dataclass(slots=True)
class Visibility:
    """What a bind DN can see around the last known DNs of people; each branch is searched once."""

    connection: Connection
    mapping: AttributeMapping
    neighbours: Neighbours
    stay: Callable[[], None]
    _elsewhere: dict[str, Session] = field(default_factory=dict)
    _branches: dict[tuple[int, str], str] = field(default_factory=dict)

    def close(self) -> None:
        """Close the connections to other servers, which referrals have led to."""
        for session in self._elsewhere.values():
            session.close()
        self._elsewhere.clear()

    def finding(self, session: Session, who: MissingUser) -> Finding:
        """Return the finding at somebody's last known DN; raises DirectoryUnavailable where the server does not answer."""
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
        """Compare an entry that stands at the DN with the one that stood there."""
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
        """Go by how much of the way to the DN is there; where it ends higher up, the branch has to be gone itself."""
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
        """Return why a branch may be hidden, or parts of it; empty where known people of it can be seen."""
        named = plain(branch) or "the top"
        if self._goes_by_matched(session):
            # Nobody has this name: an answer other than for the one in question shows that that one is hidden.
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
        """Read one entry, whatever the connection's filter is; one referral is followed where referrals are."""
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
        """Return whether the matchedDN of a server proves anything: not one of a proxy that has several servers behind it.

        OpenLDAP's back-meta leaves a server that is down out of its answers, and calls what is there not there; its
        searches end in success. It is among those that can't page.
        """
        return not (session.root.is_active_directory or self.connection.cannot_page)

    def _usernames(self, entry: Entry) -> set[str]:
        return {fold(value) for value in entry.values(self.mapping.username) if not isinstance(value, Encoded)}

    def _ids(self, entry: Entry) -> set[str]:
        return set(map(fold, identity(entry, self.mapping).ids))
