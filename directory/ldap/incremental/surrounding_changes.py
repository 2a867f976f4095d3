"""What has changed beside the people: groups, and branches of the tree, which tell of them what their entries do not.

Whose group has got another member, or whose branch another name, is changed without marking their own entry as changed. Nothing
goes by the class of an entry alone: what has members, or is named as a group, is one, and what people lie below is a
branch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.incremental import cursor
from directory.ldap.search.referrals import trees_with_people
from directory.ldap.search.search import Search
from directory.ldap.search.search_targets import SearchLocation
from directory.ldap.transport.session import UNSEEN, Session
from directory.values import distinguished_names, group_names
from directory.values.ldap import Connection, CursorKind, Entry, MemberList, Surroundings, SyncCursor
from orgs.text import counted

MEMBERS = ("member", "uniqueMember")
# RFC 2307's groups list usernames.
NAMES_ONLY = "memberUid"
# A search in the group decides who is in it.
DYNAMIC = "memberURL"
# Where the server has these attributes: an entry with nothing below it is no branch.
LEAF = (("hasSubordinates", "false"), ("numSubordinates", "0"))
# Active Directory has no such attribute, but allows nothing with people in it below these (MS-ADSC: possSuperiors).
WITHOUT_BRANCHES = ("person", "group", "contact", "dnsnode")
REQUESTED = (
    "objectClass", *MEMBERS, NAMES_ONLY, DYNAMIC, *cursor.STAMPS, cursor.NUMBER, *(name for name, _ in LEAF),
)  # fmt: skip
CLASSES = (
    "group", "groupOfNames", "groupOfUniqueNames", "groupOfMembers", "groupOfEntries", "groupOfURLs", "posixGroup",
    "univentionGroup", "ipaUserGroup", "nestedGroup", "organizationalRole",
)  # fmt: skip
# All groups that there are, for their DNs. Active Directory has one class for them all.
OF_ACTIVE_DIRECTORY = "(objectClass=group)"
ANY_GROUP = f"(|{''.join(f'({name}=*)' for name in (*MEMBERS, NAMES_ONLY))}{''.join(f'(objectClass={name})' for name in CLASSES)})"
# Trees in which 389 Directory Server and OpenLDAP keep what has been done, with an entry for each change.
OF_THE_SERVER = frozenset({"cn=changelog", "cn=accesslog", "cn=log", "cn=monitor"})
MOST_GROUPS = 500
MOST_MEMBERS = 500_000
MOST_BRANCHES = 20_000
# So many groups that entries name may be out of sight, or of a strange class.
MOST_UNLISTED = 200


class TooMuch(Exception):
    """Only a full reading is possible; the message is the reason."""


def look(
    session: Session, connection: Connection, since: SyncCursor, named: Mapping[str, str]
) -> tuple[Surroundings, datetime | None, str]:
    """Return what has changed since, the newest stamp of that, and why only a full reading will do, empty where changes will.

    ``named`` are the groups that stored entries name, as their keys and DNs.

    Raises:
        DirectoryUnavailable: the server can't tell.
    """
    looking = _Looking(session, connection, since, named)
    try:
        return looking.around(), looking.newest, ""
    except TooMuch as much:
        return Surroundings(), looking.newest, str(much)


def newest(session: Session, connection: Connection, position: SyncCursor) -> datetime | None:
    """Return the newest stamp of all that has changed since a position, people or not; None where stamps are not used."""
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
        roots, negated = group_names.in_filter(self.connection.search_filter)
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
        """Take note of an entry that has changed: of groups, and of what may have people below it."""
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
        """Raise TooMuch for an entry that has not changed, as far as its stamps can be seen."""
        if self.since.by == CursorKind.NUMBER:
            numbers = [int(number) for number in entry.values(cursor.NUMBER) if number.isascii() and number.isdecimal()]
            unchanged = bool(numbers) and max(numbers) <= int(self.since.at)
        else:
            unchanged = bool(stamps) and max(stamps) < cursor.changes_from(self.since)
        if unchanged:
            raise TooMuch(f"the server was asked for what has changed, and sent {entry.dn}, which has not")

    def _is_after(self, stamps: Sequence[datetime]) -> bool:
        """Return whether a branch has changed since then, without regard to what comes late: that would go on for an hour."""
        return self.since.by == CursorKind.NUMBER or not stamps or max(stamps) > cursor.time_of(self.since)

    def _is_around_the_base(self, key: str) -> bool:
        """Return whether people that are searched for may lie below this entry; what has no name to change is no branch."""
        if key in map(distinguished_names.key, self.session.root.contexts):
            return False
        base = distinguished_names.key(self.connection.search_base)
        below = self.connection.search_scope == "subtree" and distinguished_names.key_is_within(key, base)
        return below or distinguished_names.key_is_within(base, key)

    def _listed(self) -> dict[str, str]:
        """Return the DNs of all groups that there are, by their keys."""
        search_filter = OF_ACTIVE_DIRECTORY if self.session.root.is_active_directory else ANY_GROUP
        found = _everywhere(self.session, self.connection, search_filter, ("1.1",))
        return {distinguished_names.key(entry.dn): entry.dn for entry in found}

    def _gone(self, there: Collection[str]) -> tuple[str, ...]:
        """Return which groups that entries name are not there; some are only of a strange class."""
        unlisted = [dn for key, dn in self.named.items() if key not in there]
        if len(unlisted) > MOST_UNLISTED:
            raise TooMuch(
                f"{counted(len(unlisted), 'group', 'groups')} that entries name are gone, or the bind DN may not see them; with the right to "
                "see them all, reading what has changed would do"
            )
        return tuple(dn for dn in unlisted if not any(self._single(dn, ("1.1",))))

    def _nested(self, there: Mapping[str, str], roots: Sequence[str]) -> dict[str, MemberList]:
        """Return the members that are groups, of groups that have changed or that the filter names, and the latter."""
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
        """Yield one entry, if it is there and can be seen."""
        search = Search(self.session, SearchLocation(dn, "base", "(objectClass=*)"), attributes, 1)
        yield from _visible_entries(search)


def _everywhere(
    session: Session, connection: Connection, search_filter: str, attributes: Sequence[str]
) -> Iterator[Entry]:
    """Yield all matching entries of the directory, as far as they are visible, without those about the server itself."""
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
    """Return whether the connection's filter finds anybody below an entry."""
    search = Search(session, SearchLocation(dn, "subtree", connection.search_filter), ("1.1",), 2)
    try:
        return any(distinguished_names.key(entry.dn) != distinguished_names.key(dn) for entry in search.first(2))
    except DirectoryUnavailable as refused:
        if refused.result_code not in UNSEEN:
            raise
        return False
