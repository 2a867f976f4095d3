"""Reads all groups of a directory to the end, and yields only those that are new or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

from directory.ldap.errors import DirectoryUnavailable, plain
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.search.decoding import sid_of
from directory.ldap.search.raw_entry import RawEntry
from directory.ldap.search.reading_request import ReadingRequest
from directory.ldap.search.referrals import is_left_out, may_hold_people, trees_with_people
from directory.ldap.transport.ber import Malformed, attributes_of
from directory.ldap.transport.connect import connect
from directory.ldap.transport.session import UNSEEN
from directory.values import distinguished_names
from directory.values.group_graph import Group, GroupGraph, username
from directory.values.ldap import Connection, GroupSearch

# Classes of groups whose entries need not list members: primary groups of Active Directory, and dynamic groups, whose
# members are computed when they are read. There are few classes, because a server compares each person with each of
# them.
CLASSES = ("group", "groupOfURLs")
MEMBERS = ("member", "uniqueMember", "memberUid")
SID = "objectSid"
DEFAULT_FILTER = "(|{}{})".format(
    "".join(f"({name}=*)" for name in MEMBERS), "".join(f"(objectClass={name})" for name in CLASSES)
)
KEY_SIZE = 16


class ReadGroup(NamedTuple):
    """One group as it was read: ``key`` is a hash of its DN as spelled, ``digest`` a hash of what the server sent."""

    key: str
    digest: str
    group: Group


class GroupReading:
    """One reading of all groups; its counts and lists are valid once ``changed`` has come to its end.

    ``known`` are digests by key. With ``keep`` all groups are kept for ``graph``. ``gone`` are known keys that have not
    come. ``left_out`` are trees outside the search base that the bind DN may not see. ``referrals`` are URLs of parts
    that the server does not hold.
    """

    def __init__(
        self, connection: Connection, search: GroupSearch, known: Mapping[str, str], *, keep: bool = False
    ) -> None:
        self.count = 0
        self.left_out: list[str] = []
        self.referrals: list[str] = []
        self._connection = replace(
            connection, search_scope="subtree", search_filter=search.search_filter or DEFAULT_FILTER
        )
        self._search = search
        self._known = known
        self._came: set[str] = set()
        self._keys = distinguished_names.Keys()
        self._kept: list[Group] | None = [] if keep else None

    @property
    def gone(self) -> list[str]:
        """The keys of known groups that do not exist any more."""
        return [key for key in self._known if key not in self._came]

    def graph(self) -> GroupGraph:
        """Return the graph of all groups, and drop the kept groups.

        Raises:
            RuntimeError: the groups were not kept.
        """
        if self._kept is None:
            raise RuntimeError("the groups were not kept")
        groups, self._kept = self._kept, None
        return GroupGraph(groups, depth=self._search.depth, keys=self._keys)

    def changed(self) -> Iterator[list[ReadGroup]]:
        """Yield the new and the changed groups in pages.

        Raises:
            DirectoryUnavailable: not all groups could be read.
        """
        for tree in self._trees():
            try:
                yield from self._changed_below(tree)
            except DirectoryUnavailable as refused:
                # Many accounts may only see the part where people are searched, so a refusal elsewhere does not count.
                if self._search.base or refused.result_code not in UNSEEN or self._is_searched(tree):
                    raise refused.as_part_of(f"the groups can't be read: {refused}") from None
                self.left_out.append(tree)

    def _changed_below(self, tree: str) -> Iterator[list[ReadGroup]]:
        # Each tree has a connection of its own, and the same proof as a reading of people.
        with open_reading(ReadingRequest(replace(self._connection, search_base=tree), (*MEMBERS, SID))) as reading:
            for page in reading.raw_pages():
                yield list(self._others(page))
        left_out = self._connection.left_out_contexts
        self.referrals += [url for url in reading.referrals if may_hold_people(url) and not is_left_out(url, left_out)]

    def _others(self, page: Sequence[RawEntry]) -> Iterator[ReadGroup]:
        for raw in page:
            key, digest = row_key(raw.dn), raw.digest.hex()
            # One tree may be inside another, so a group may come twice.
            if key in self._came:
                continue
            self._came.add(key)
            self.count += 1
            is_known = self._known.get(key) == digest
            if is_known and self._kept is None:
                continue
            group = _group(raw, self._keys)
            if self._kept is not None:
                self._kept.append(group)
            if not is_known:
                yield ReadGroup(key, digest, group)

    def _trees(self) -> list[str]:
        if self._search.base:
            return [self._search.base]
        session = connect(self._connection)
        try:
            return trees_with_people(session.root.contexts, self._connection.search_base)
        finally:
            session.close()

    def _is_searched(self, tree: str) -> bool:
        """Return whether people are searched below this tree."""
        return distinguished_names.key_is_within(self._keys[self._connection.search_base], self._keys[tree])


def read_graph(connection: Connection, search: GroupSearch) -> GroupGraph:
    """Read all groups of a directory, to resolve those of a few entries.

    Raises:
        DirectoryUnavailable: not all groups could be read.
    """
    reading = GroupReading(connection, search, {})
    groups = (each.group for page in reading.changed() for each in page)
    return GroupGraph(groups, depth=search.depth, keys=distinguished_names.Keys())


def row_key(dn: str) -> str:
    """Return the key under which a group is stored; each spelling of its DN has its own."""
    return blake2b(dn.encode("utf-8", "surrogatepass"), digest_size=KEY_SIZE).hexdigest()


def _group(raw: RawEntry, keys: distinguished_names.Keys) -> Group:
    """Return one group in the shape for a graph.

    Raises:
        DirectoryUnavailable: the group can't be decoded.
    """
    values = _values(raw)
    members = [keys[dn] for dn in values.get("member", ())]
    members += [keys[distinguished_names.of_member(dn)] for dn in values.get("uniquemember", ())]
    sid = next(iter(values.get(SID.lower(), ())), "")
    return Group(raw.dn, tuple(members), tuple(map(username, values.get("memberuid", ()))), sid)


def _values(raw: RawEntry) -> dict[str, Sequence[str]]:
    """Return the values of all attributes, by lowered names; DNs that are not UTF-8 are escaped, as in entries."""
    if not isinstance(raw.content, bytes):
        return {name.lower(): values for name, values in raw.content.items()}
    try:
        attributes = attributes_of(raw.content)
    except Malformed as error:
        raise DirectoryUnavailable(f"the answer can't be read: {plain(raw.dn)}: {plain(str(error))}") from None
    return {
        name.lower(): list(map(sid_of, values))
        if name.lower() == SID.lower()
        else distinguished_names.texts_of(values)[0]
        for name, values in attributes.items()
    }
