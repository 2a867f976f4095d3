"""Finds changes around the people: in groups, and in branches of the tree.

A change of a group, or of a branch's name, affects people without marking their own entries as changed. The class of an
entry does not decide: an entry with members, or one that others name as a group, is a group; an entry with people below
it is a branch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.incremental import cursor
from directory.ldap.search.referrals import trees_with_people
from directory.ldap.search.search import Search
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.session import UNSEEN, Session
from directory.values import distinguished_names, membership_attributes
from directory.values.ldap import Connection, CursorKind, Entry, MemberList, Surroundings, SyncCursor
from orgs.text import counted

MEMBERS = ("member", "uniqueMember")
# RFC 2307's groups list usernames.
NAMES_ONLY = "memberUid"
# The members of a group with this attribute are the results of a search.
DYNAMIC = "memberURL"
# Attributes that show that an entry has nothing below it, so that it is no branch; some servers have them.
LEAF = (("hasSubordinates", "false"), ("numSubordinates", "0"))
# Active Directory has no such attribute, but does not allow entries with people below these classes (MS-ADSC:
# possSuperiors).
WITHOUT_BRANCHES = ("person", "group", "contact", "dnsnode")
REQUESTED = (
    "objectClass", *MEMBERS, NAMES_ONLY, DYNAMIC, *cursor.STAMPS, cursor.NUMBER, *(name for name, _ in LEAF),
)  # fmt: skip
CLASSES = (
    "group", "groupOfNames", "groupOfUniqueNames", "groupOfMembers", "groupOfEntries", "groupOfURLs", "posixGroup",
    "univentionGroup", "ipaUserGroup", "nestedGroup", "organizationalRole",
)  # fmt: skip
# The filters for all groups. Active Directory has one class for all of them.
OF_ACTIVE_DIRECTORY = "(objectClass=group)"
ANY_GROUP = f"(|{''.join(f'({name}=*)' for name in (*MEMBERS, NAMES_ONLY))}{''.join(f'(objectClass={name})' for name in CLASSES)})"
# Trees in which 389 Directory Server and OpenLDAP log operations, with an entry for each change, or keep statistics.
OF_THE_SERVER = frozenset({"cn=changelog", "cn=accesslog", "cn=log", "cn=monitor"})
MOST_GROUPS = 500
MOST_MEMBERS = 500_000
MOST_BRANCHES = 20_000
# The most named groups that are not among the listed ones and are read one by one: hidden ones, or of another class.
MOST_UNLISTED = 200


class TooMuch(Exception):
    """Only a full reading is possible; the message is the reason."""


def look(
    session: Session, connection: Connection, since: SyncCursor, named: Mapping[str, str]
) -> tuple[Surroundings, datetime | None, str]:
    """Return the changed groups and branches, their newest stamp, and why a full reading is needed; empty if it is not.

    ``named`` are the groups that stored entries name: DNs by their keys.

    Raises:
        DirectoryUnavailable: the server could not be read.
    """
    looking = _Looking(session, connection, since, named)
    try:
        return looking.around(), looking.newest, ""
    except TooMuch as much:
        return Surroundings(), looking.newest, str(much)


def newest(session: Session, connection: Connection, position: SyncCursor) -> datetime | None:
    """Return the newest stamp of all entries that have changed since a cursor, people or not; None without stamps."""
    if position.by != CursorKind.TIME:
        return None
    search_filter = cursor.changed(position, "", late=False)
    found = _everywhere(session, connection, search_filter, cursor.STAMPS)
    return max((stamp for entry in found for stamp in cursor.stamps(entry)), default=None)


@dataclass(slots=True)
class _Looking:
    session: Session
    connection: Connection
    since: SyncCursor
    named: Mapping[str, str]
    newest: datetime | None = None
    _groups: dict[str, MemberList] = field(default_factory=dict)
    _branches: list[tuple[str, bool]] = field(default_factory=list)
    _members: int = 0

    def around(self) -> Surroundings:
        search_filter = cursor.changed(self.since, "")
        for entry in _everywhere(self.session, self.connection, search_filter, REQUESTED):
            self._take(entry)
        roots, negated = membership_attributes.in_filter(self.connection.search_filter)
        matters = bool(self.named or roots)
        there = self._listed() if self.named or (self._groups and matters) else {}
        gone = self._gone(there) if self.named else ()
        if negated and (self._groups or gone):
            raise TooMuch("the filter asks for who is not in a group, and groups have changed")
        if roots and {distinguished_names.key(dn) for dn in gone} & {distinguished_names.key(root) for root in roots}:
            raise TooMuch("a group that the filter asks for is gone")
        nested = self._nested(there, roots) if self._groups and matters else {}
        return Surroundings(
            groups=tuple(self._groups.values()),
            nested=tuple(nested.values()),
            filter_groups=roots,
            gone=gone,
            branches=tuple(self._branches),
        )

    def _take(self, entry: Entry) -> None:
        """Note a changed entry if it is a group, or may have people below it."""
        stamps = cursor.stamps(entry)
        if stamps:
            self.newest = max(stamps) if self.newest is None else max(self.newest, *stamps)
        self._refuse_unchanged(entry, stamps)
        key, lists = distinguished_names.key(entry.dn), _members(entry)
        if entry.values(DYNAMIC):
            raise TooMuch(f"the group {entry.dn} has changed, which goes by a search")
        if lists.members or lists.usernames or _looks_like_a_group(entry):
            self._note(key, lists)
        elif key in self.named:
            raise TooMuch(f"{entry.dn} has changed, which entries name as a group, and it lists nobody as groups do")
        if not _is_leaf(entry, self.session) and self._is_around_the_base(key):
            if len(self._branches) >= MOST_BRANCHES:
                raise TooMuch(f"more than {MOST_BRANCHES} entries have changed that are no people")
            self._branches.append((entry.dn, self._is_after(stamps)))

    def _note(self, key: str, lists: MemberList) -> None:
        self._groups[key] = lists
        self._members += len(lists.members) + len(lists.usernames)
        if len(self._groups) > MOST_GROUPS:
            raise TooMuch(f"more than {MOST_GROUPS} groups have changed")
        if self._members > MOST_MEMBERS:
            raise TooMuch(f"groups with more than {MOST_MEMBERS} members have changed")

    def _refuse_unchanged(self, entry: Entry, stamps: Sequence[datetime]) -> None:
        """Raise TooMuch if the stamps of an entry show that it has not changed."""
        if self.since.by == CursorKind.NUMBER:
            numbers = [int(number) for number in entry.values(cursor.NUMBER) if number.isascii() and number.isdecimal()]
            unchanged = bool(numbers) and max(numbers) <= int(self.since.at)
        else:
            unchanged = bool(stamps) and max(stamps) < cursor.changes_from(self.since)
        if unchanged:
            raise TooMuch(f"the server was asked for what has changed, and sent {entry.dn}, which has not")

    def _is_after(self, stamps: Sequence[datetime]) -> bool:
        """Return whether a branch has surely changed since the cursor.

        The extra hour for late changes does not count here: a changed branch would cause full readings for an hour.
        """
        return self.since.by == CursorKind.NUMBER or not stamps or max(stamps) > cursor.time_of(self.since)

    def _is_around_the_base(self, key: str) -> bool:
        """Return whether searched people may be below this entry; the top of a tree is no branch, as its name stays."""
        if key in map(distinguished_names.key, self.session.root.contexts):
            return False
        base = distinguished_names.key(self.connection.search_base)
        below = self.connection.search_scope == "subtree" and distinguished_names.key_is_within(key, base)
        return below or distinguished_names.key_is_within(base, key)

    def _listed(self) -> dict[str, str]:
        """Return the DNs of all groups, by their keys."""
        search_filter = OF_ACTIVE_DIRECTORY if self.session.root.is_active_directory else ANY_GROUP
        found = _everywhere(self.session, self.connection, search_filter, ("1.1",))
        return {distinguished_names.key(entry.dn): entry.dn for entry in found}

    def _gone(self, there: Collection[str]) -> tuple[str, ...]:
        """Return the DNs of named groups that are gone; those that are only of another class are read one by one."""
        unlisted = [dn for key, dn in self.named.items() if key not in there]
        if len(unlisted) > MOST_UNLISTED:
            raise TooMuch(
                f"{counted(len(unlisted), 'group', 'groups')} that entries name are gone, or the bind DN may not see them; with the right to "
                "see them all, reading what has changed would do"
            )
        return tuple(dn for dn in unlisted if not any(self._single(dn, ("1.1",))))

    def _nested(self, there: Mapping[str, str], roots: Sequence[str]) -> dict[str, MemberList]:
        """Return the member lists of unchanged groups that the filter names, or that are nested in other groups here."""
        found: dict[str, MemberList] = {}
        roots_by_key = {distinguished_names.key(root): root for root in roots if root}
        waiting = [dn for key, dn in roots_by_key.items() if key not in self._groups]
        waiting += [
            dn for lists in self._groups.values() for dn in lists.members if distinguished_names.key(dn) in there
        ]
        while waiting:
            dn = waiting.pop()
            key = distinguished_names.key(dn)
            if key in found or key in self._groups:
                continue
            lists = next((_members(entry) for entry in self._single(dn, REQUESTED)), MemberList(dn))
            found[key] = lists
            self._members += len(lists.members) + len(lists.usernames)
            if len(found) > MOST_GROUPS or self._members > MOST_MEMBERS:
                raise TooMuch("very many groups are members of groups that have changed")
            waiting += [dn for dn in lists.members if distinguished_names.key(dn) in there]
        return found

    def _single(self, dn: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield one entry if it exists and is visible."""
        search = Search(self.session, SearchLocation(dn, "base", "(objectClass=*)"), attributes, 1)
        yield from _visible_entries(search)


def _everywhere(
    session: Session, connection: Connection, search_filter: str, attributes: Sequence[str]
) -> Iterator[Entry]:
    """Yield all visible matching entries of the directory, without those about the server itself."""
    for tree in trees_with_people(session.root.contexts, connection.search_base):
        if distinguished_names.key(tree) in OF_THE_SERVER:
            continue
        yield from _visible_entries(
            Search(session, SearchLocation(tree, "subtree", search_filter), attributes, connection.page_size)
        )


def _visible_entries(search: Search) -> Iterator[Entry]:
    try:
        for page in search.pages():
            yield from page
    except DirectoryUnavailable as refused:
        if refused.result_code not in UNSEEN:
            raise


def _members(entry: Entry) -> MemberList:
    members = (distinguished_names.of_member(value) for name in MEMBERS for value in entry.values(name))
    return MemberList(entry.dn, tuple(members), entry.values(NAMES_ONLY))


def _looks_like_a_group(entry: Entry) -> bool:
    return any("group" in kind.lower() or kind.lower() == "organizationalrole" for kind in entry.values("objectClass"))


def _is_leaf(entry: Entry, session: Session) -> bool:
    if any(entry.values(name)[:1] and entry.values(name)[0].lower() == none for name, none in LEAF):
        return True
    if not session.root.is_active_directory:
        return False
    return any(kind.lower() in WITHOUT_BRANCHES for kind in entry.values("objectClass"))


def people_below(session: Session, connection: Connection, dn: str) -> bool:
    """Return whether the connection's filter finds people below an entry."""
    search = Search(session, SearchLocation(dn, "subtree", connection.search_filter), ("1.1",), 2)
    try:
        return any(distinguished_names.key(entry.dn) != distinguished_names.key(dn) for entry in search.first(2))
    except DirectoryUnavailable as refused:
        if refused.result_code not in UNSEEN:
            raise
        return False
