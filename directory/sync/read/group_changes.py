"""Finds the entries whose memberships changed groups alter: an entry does not change itself when a group does. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from directory.values import distinguished_names, membership_attributes
from directory.values.ldap import MemberList, Surroundings
from orgs.text import fold

Attributes = Mapping[str, Sequence[str]]

# Of entries in doubt so many are read, to find out about all of them.
SAMPLES = 5
# The most pairs of a group and a member, direct or nested, that are compared.
MOST_PAIRS = 1_000_000


class TooMany(Exception):
    """The changed groups have too many members to compare."""


@dataclass(slots=True)
class Doubt:
    """Stored entries that all name a group, or all do not; if one of them differs by now, all may differ."""

    group: str
    names_it: bool
    dns: list[str] = field(default_factory=list)

    def samples(self) -> list[str]:
        """Return the DNs of a few of the entries, from as many branches as possible."""
        by_branch = {distinguished_names.parent(dn): dn for dn in self.dns}
        return list(dict.fromkeys([*by_branch.values(), *self.dns]))[:SAMPLES]

    def is_confirmed(self, now: Mapping[str, frozenset[str]]) -> bool:
        """Return whether all entries have to be read; ``now`` maps DNs of samples to the keys of groups that they name.

        Samples that are gone do not count; if all are gone, the entries have to be read.
        """
        groups_now = [now[dn] for dn in self.samples() if dn in now]
        return not groups_now or any((self.group in groups) != self.names_it for groups in groups_now)


@dataclass(slots=True)
class GroupChanges:
    """The effects of changed groups on entries.

    ``changed`` are the DNs of entries that have to be read; samples of the ``doubts`` have to be read first. ``joined``
    are the DNs of people without a stored entry in groups that the filter asks for. ``unknown`` are usernames that such
    a group lists, and that no stored entry has. ``named`` are the gone groups that entries still name.
    """

    changed: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


def look(around: Surroundings, entries: Iterable[tuple[str, Attributes]], *, username: str = "uid") -> GroupChanges:
    """Return the effects of changed and gone groups on these entries, given as DN and attributes.

    ``username`` is the attribute that holds usernames, beside ``uid``. An entry has changed if it names a group that
    does not list it any more. It has also changed if a group lists it, the entry does not name the group, and other
    members do. If no member names the group, entries may not name groups of this kind at all.

    Raises:
        TooMany: the comparison would take too long.
    """
    comparison = _Comparison(around, usernames=frozenset({"uid", username.lower()}))
    for dn, attributes in entries:
        comparison.take(dn, attributes)
    return comparison.result()


# The prefix of usernames among the keys of DNs; no DN begins with it.
NAME = "name:"


class _Graph:
    """The members of the changed groups, direct and nested; groups may contain each other in circles."""

    def __init__(self, around: Surroundings) -> None:
        self.changed = {distinguished_names.key(lists.dn) for lists in around.groups}
        self.spelled: dict[str, str] = {}
        self._lists = {
            distinguished_names.key(lists.dn): self._people(lists) for lists in (*around.nested, *around.groups)
        }
        self._roots = (
            self.changed if "" in around.filter_groups else {distinguished_names.key(dn) for dn in around.filter_groups}
        )
        self._direct = self._by_person({group: self._lists[group] for group in self.changed})
        below = {group: self._below(group) for group in self.changed}
        self._nested = self._by_person(
            {group: [who for other in others for who in self._lists[other]] for group, others in below.items()}
        )

    def directly(self, who: Iterable[str]) -> set[str]:
        return {group for each in who for group in self._direct.get(each, ())}

    def nested(self, who: Iterable[str]) -> set[str]:
        return {group for each in who for group in self._nested.get(each, ())}

    def filter_members(self) -> set[str]:
        """Return the members of each group that the filter names, if the group, or one nested in it, has changed."""
        found: set[str] = set()
        for root in self._roots & self._lists.keys():
            family = {root, *self._below(root)}
            if family & self.changed:
                found.update(who for group in family for who in self._lists[group] if who not in self._lists)
        return found

    def _people(self, lists: MemberList) -> list[str]:
        found = [f"{NAME}{fold(name)}" for name in lists.usernames]
        for dn in lists.members:
            key = distinguished_names.key(dn)
            self.spelled[key] = dn
            found.append(key)
        return found

    def _below(self, group: str) -> set[str]:
        """Return all groups nested in a group, without the group itself."""
        found: set[str] = set()
        waiting = [group]
        while waiting:
            for member in self._lists[waiting.pop()]:
                if member in self._lists and member not in found and member != group:
                    found.add(member)
                    waiting.append(member)
        return found

    @staticmethod
    def _by_person(lists: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
        if sum(map(len, lists.values())) > MOST_PAIRS:
            raise TooMany
        found = defaultdict[str, set[str]](set)
        for group, people in lists.items():
            for who in people:
                found[who].add(group)
        return found


class _Comparison:
    """Compares the members that groups list with the groups that entries name, one entry after the other."""

    def __init__(self, around: Surroundings, *, usernames: frozenset[str]) -> None:
        self._graph = _Graph(around)
        self._joined = self._graph.filter_members()
        self._usernames = usernames
        # Keeps the keys of DNs, because many entries name the same few groups.
        self._keys = distinguished_names.Keys()
        self._found = GroupChanges()
        # Both by group, and whether its own list has the member: members that do not name the group, and whether others
        # do.
        self._missing: dict[tuple[str, bool], Doubt] = {}
        self._certain: set[tuple[str, bool]] = set()
        self._naming = {key: Doubt(key, names_it=True) for key in map(distinguished_names.key, around.gone)}

    def take(self, dn: str, attributes: Attributes) -> None:
        named, who = self._names(dn, attributes)
        self._joined -= who
        graph, found = self._graph, self._found
        direct, nested = graph.directly(who), graph.nested(who)
        for group in (named & graph.changed) | direct | nested:
            way = (group, group in direct)
            if group not in named:
                self._missing.setdefault(way, Doubt(group, names_it=False)).dns.append(dn)
            elif group in direct or group in nested:
                self._certain.add(way)
            else:
                found.changed.append(dn)
        for group in named & self._naming.keys():
            self._naming[group].dns.append(dn)
            found.named.add(group)

    def _names(self, dn: str, attributes: Attributes) -> tuple[set[str], set[str]]:
        """Return the keys of the groups that an entry names, and the keys under which groups may list the entry."""
        named, who = set[str](), {distinguished_names.key(dn)}
        for kind, values in attributes.items():
            if membership_attributes.names_groups(kind):
                named.update(self._keys[value] for value in values)
            elif kind.lower() in self._usernames:
                who.update(f"{NAME}{fold(value)}" for value in values)
        return named, who

    def result(self) -> GroupChanges:
        found = self._found
        for way, doubt in self._missing.items():
            self._add(doubt, certain=way in self._certain)
        for doubt in self._naming.values():
            self._add(doubt, certain=False)
        people = sorted(self._joined)
        found.joined = [self._graph.spelled[key] for key in people if not key.startswith(NAME)]
        found.unknown = [key.removeprefix(NAME) for key in people if key.startswith(NAME)]
        return found

    def _add(self, doubt: Doubt, *, certain: bool) -> None:
        if certain or len(doubt.dns) <= SAMPLES:
            self._found.changed += doubt.dns
        else:
            self._found.doubts.append(doubt)
