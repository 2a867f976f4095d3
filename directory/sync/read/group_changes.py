"""Whose memberships have changed with a group: entries name the groups that they are in, and nothing of a change. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from directory.values import distinguished_names, group_names
from directory.values.ldap import MemberList, Surroundings
from orgs.text import fold

Attributes = Mapping[str, Sequence[str]]

# So many of those in doubt are read to find out about all of them.
SAMPLES = 5
# So many pairs of a group and somebody in it, also by other groups, are looked at.
MOST_PAIRS = 1_000_000


class TooMany(Exception):
    """Very many people are in the groups that have changed."""


@dataclass(slots=True)
class Doubt:
    """Entries that all name a group, as they are stored, or all do not: if one of them is otherwise by now, all may be."""

    group: str
    names_it: bool
    dns: list[str] = field(default_factory=list)

    def samples(self) -> list[str]:
        """Return some of the entries, from as many branches as there are."""
        by_branch = {distinguished_names.parent(dn): dn for dn in self.dns}
        return list(dict.fromkeys([*by_branch.values(), *self.dns]))[:SAMPLES]

    def is_confirmed(self, now: Mapping[str, frozenset[str]]) -> bool:
        """Return whether the entries have to be read, by the groups that samples name now; those that are gone say nothing."""
        groups_now = [now[dn] for dn in self.samples() if dn in now]
        return not groups_now or any((self.group in groups) != self.names_it for groups in groups_now)


@dataclass(slots=True)
class GroupChanges:
    """What changed groups mean for entries: ``changed`` have to be read, ``doubts`` have to be looked into.

    ``joined`` are the DNs of people in groups that the filter asks for, of whom nothing is stored, ``unknown`` usernames
    that such a group lists, and that no stored entry has. ``named`` are the gone groups that entries still name.
    """

    changed: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


def look(around: Surroundings, entries: Iterable[tuple[str, Attributes]], *, username: str = "uid") -> GroupChanges:
    """Return what groups that have changed, or are gone, mean for these entries, given as DN and attributes.

    ``username`` is the attribute that holds usernames, beside ``uid``. An entry that names a group which does not list it
    any more has changed. One that a group lists, and that does not name it, has, if the server has others name that group;
    where nobody does, it may name none of that kind at all.

    Raises:
        TooMany: that would take too long.
    """
    comparison = _Comparison(around, usernames=frozenset({"uid", username.lower()}))
    for dn, attributes in entries:
        comparison.take(dn, attributes)
    return comparison.result()


# No DN begins with it.
NAME = "name:"


class _Graph:
    """Who is in which of the changed groups, directly or as a member of a group in it, also where they go in circles."""

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
        """Return the members of each group that the filter names, if that group, or one in it, has changed."""
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
        """Return the groups in a group, and those in these, without itself."""
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
    """What groups list, compared with what entries name, one after the other."""

    def __init__(self, around: Surroundings, *, usernames: frozenset[str]) -> None:
        self._graph = _Graph(around)
        self._joined = self._graph.filter_members()
        self._usernames = usernames
        # Many entries name the same few groups.
        self._keys = distinguished_names.Keys()
        self._found = GroupChanges()
        # By group, and whether it lists them itself: those who do not name it, and whether others of these do.
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
        """Return the keys of the groups that an entry names, and by what groups may list it."""
        named, who = set[str](), {distinguished_names.key(dn)}
        for kind, values in attributes.items():
            if group_names.names_groups(kind):
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
