"""Finds the groups that a person is in, directly and through other groups, and the way to each. Pure."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from directory.values.distinguished_names import Keys

# In a way: the person is in the group directly, not through another group.
DIRECT = -1
NOBODY: Sequence[int] = ()
# The groups reached from single groups are cached, up to this many numbers: 40 MB.
MOST_REMEMBERED = 5_000_000


class Names(NamedTuple):
    """What groups use besides the DN to name a person: usernames (memberUid), and the SID of the primary group."""

    usernames: tuple[str, ...] = ()
    primary_group: str = ""


NO_NAMES = Names()


class Group(NamedTuple):
    """One group: its DN as the directory spells it, and its members.

    ``members`` are keys of DNs. ``usernames`` are compared exactly. ``sid`` is the group's own SID, by which persons name it
    as their primary group.
    """

    dn: str
    members: tuple[str, ...] = ()
    usernames: tuple[str, ...] = ()
    sid: str = ""


@dataclass(slots=True)
class Touched:
    """Persons whose groups may have changed: by the keys of their DNs, by username, and by the SID of their primary group."""

    members: set[str] = field(default_factory=set)
    usernames: set[str] = field(default_factory=set)
    sids: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.members or self.usernames or self.sids)


class GroupGraph:
    """All groups of one directory; ``depth`` is the number of levels of groups in groups to follow.

    Half a million memberships take about 60 MB: members and groups are numbers, groups in the order of their DNs.
    """

    def __init__(self, groups: Iterable[Group], *, depth: int, keys: Keys) -> None:
        self._depth = depth
        self._keys = keys
        self._dns: list[str] = []
        self._usernames: list[tuple[str, ...]] = []
        self._sids: list[str] = []
        self._members: list[array[int]] = []
        # Each member's number by its key, and the groups of each member by its number.
        self._numbers: dict[str, int] = {}
        self._groups_of: list[list[int]] = []
        self._texts: list[str] = []
        self._by_username: dict[str, list[int]] = {}
        self._by_sid: dict[str, list[int]] = {}
        for group in groups:
            self._add(group)
        self._order_by_dn()
        self._above: dict[int, list[int]] = {}
        for group_number, dn in enumerate(self._dns):
            member = self._numbers.get(keys[dn])
            if member is not None:
                self._above[group_number] = self._groups_of[member]
        self._too_deep: set[int] = set()
        # All groups reached from each group, with itself, once computed; at first only for groups that are in no other, as most are.
        self._from: list[Sequence[int]] = [NOBODY if each in self._above else (each,) for each in range(len(self))]
        self._remembered = 0

    def __len__(self) -> int:
        return len(self._dns)

    @property
    def too_deep(self) -> list[str]:
        """The DNs of groups at the depth limit, whose own groups were not followed, for the entries resolved so far."""
        return sorted(self._dns[number] for number in self._too_deep)

    def groups(self, dn: str, names: Names) -> list[str]:
        """Return the DNs of all groups that a person is in, sorted."""
        return [self._dns[number] for number in self._all(dn, names)]

    def groups_as_json(self, dn: str, names: Names) -> str:
        """Return the result of ``groups`` as JSON; each DN is quoted only once, not for each person."""
        texts = self._texts = self._texts or [json.dumps(dn) for dn in self._dns]
        return f"[{', '.join([texts[number] for number in self._all(dn, names)])}]"

    def ways(self, dn: str, names: Names) -> list[tuple[str, ...]]:
        """Return the shortest way to each group that a person is not directly in: from that group to a direct one."""
        came = self._reached(sorted(self._direct(dn, names)))
        found = [tuple(self._way(number, came)) for number, below in came.items() if below != DIRECT]
        return sorted(found)

    def touched(self, before: Mapping[str, Group], after: Mapping[str, Group]) -> Touched:
        """Return the persons whose groups may have changed; this graph is the one after the change.

        ``before`` and ``after`` hold the changed groups by the keys of their DNs; a group in only one of them is new or gone.
        The result may name too many persons, but never misses one.
        """
        found, waiting = Touched(), list[str]()
        for key in before.keys() | after.keys():
            old, new = before.get(key), after.get(key)
            if old is None or new is None or old.dn != new.dn:
                for group in filter(None, (old, new)):
                    waiting += group.members
                    _name_all(found, group)
                continue
            waiting += set(old.members).symmetric_difference(new.members)
            found.usernames |= set(old.usernames).symmetric_difference(new.usernames)
            if old.sid != new.sid:
                found.sids |= {old.sid, new.sid} - {""}
        self._go_down(waiting, before, found)
        return found

    def _add(self, group: Group) -> None:
        number, numbers, groups_of = len(self._dns), self._numbers, self._groups_of
        members = array("I")
        for key in group.members:
            member = numbers.get(key)
            if member is None:
                member = numbers[key] = len(groups_of)
                groups_of.append([number])
            elif (named := groups_of[member])[-1] != number:
                named.append(number)
            else:
                continue
            members.append(member)
        for username in group.usernames:
            self._by_username.setdefault(username, []).append(number)
        if group.sid:
            self._by_sid.setdefault(group.sid, []).append(number)
        self._dns.append(group.dn)
        self._usernames.append(group.usernames)
        self._sids.append(group.sid)
        self._members.append(members)

    def _order_by_dn(self) -> None:
        """Number the groups again in the order of their DNs: sorting numbers for each person is faster than sorting texts."""
        order = sorted(range(len(self._dns)), key=self._dns.__getitem__)
        numbers = [0] * len(order)
        for new, old in enumerate(order):
            numbers[old] = new
        self._dns = [self._dns[old] for old in order]
        self._usernames = [self._usernames[old] for old in order]
        self._sids = [self._sids[old] for old in order]
        self._members = [self._members[old] for old in order]
        for groups in (*self._groups_of, *self._by_username.values(), *self._by_sid.values()):
            groups[:] = [numbers[old] for old in groups]

    def _all(self, dn: str, names: Names) -> Sequence[int]:
        """Return the numbers of all groups that a person is in, sorted."""
        direct = self._direct(dn, names)
        if not direct:
            return NOBODY
        known = self._from
        return sorted(set().union(*[known[number] or self._reached_from(number) for number in direct]))

    def _direct(self, dn: str, names: Names) -> Sequence[int]:
        """Return the numbers of the groups that name a person."""
        member = self._numbers.get(self._keys[dn])
        found = NOBODY if member is None else self._groups_of[member]
        if names is NO_NAMES:
            return found
        others = [number for name in names.usernames for number in self._by_username.get(name, NOBODY)]
        if names.primary_group:
            others += self._by_sid.get(names.primary_group, NOBODY)
        return [*found, *others] if others else found

    def _reached_from(self, number: int) -> Sequence[int]:
        """Return the numbers of the groups reached from one group; cached, because many persons share it."""
        found = tuple(self._reached([number]))
        if self._remembered < MOST_REMEMBERED:
            self._remembered += len(found)
            self._from[number] = found
        return found

    def _reached(self, direct: Iterable[int]) -> dict[int, int]:
        """Return the numbers of all groups, each with the group below through which it was reached first."""
        came = dict.fromkeys(direct, DIRECT)
        above = self._above
        level = [number for number in came if number in above]
        for _ in range(self._depth):
            if not level:
                return came
            following = []
            for below in level:
                for number in above[below]:
                    if number not in came:
                        came[number] = below
                        if number in above:
                            following.append(number)
            level = following
        self._too_deep.update(below for below in level if any(number not in came for number in above[below]))
        return came

    def _way(self, number: int, came: Mapping[int, int]) -> Iterator[str]:
        while number != DIRECT:
            yield self._dns[number]
            number = came[number]

    def _go_down(self, waiting: list[str], before: Mapping[str, Group], found: Touched) -> None:
        """Add all persons below these members: in a group as it is now, or as it was before its change."""
        by_key = {self._keys[dn]: number for number, dn in enumerate(self._dns)} if waiting else {}
        keys = list(self._numbers) if waiting else []
        while waiting:
            key = waiting.pop()
            if key in found.members:
                continue
            found.members.add(key)
            if (number := by_key.get(key)) is not None:
                waiting += (keys[member] for member in self._members[number])
                found.usernames.update(self._usernames[number])
                found.sids |= {self._sids[number]} - {""}
            if (old := before.get(key)) is not None:
                waiting += old.members
                _name_all(found, old)


def _name_all(found: Touched, group: Group) -> None:
    found.usernames.update(group.usernames)
    found.sids |= {group.sid} - {""}


def username(value: str) -> str:
    """Return a value of memberUid or uid in the form for comparison: letter case counts (RFC 2307, caseExactIA5Match)."""
    return " ".join(value.split())


def names_of(attributes: Mapping[str, Sequence[str]]) -> Names:
    """Return what groups may use besides the DN to name the person; names of attributes match in any letter case."""
    usernames: tuple[str, ...] = ()
    sid = relative = ""
    for name, values in attributes.items():
        if len(name) == 3 and name.lower() == "uid":
            usernames = tuple(map(username, values))
        elif len(name) == 9 and name.lower() == "objectsid":
            sid = values[0] if values else ""
        elif len(name) == 14 and name.lower() == "primarygroupid":
            relative = values[0] if values else ""
    domain, dash, _ = sid.rpartition("-")
    primary = f"{domain}-{relative}" if dash and relative.isdigit() and sid.startswith("S-") else ""
    return Names(usernames, primary) if usernames or primary else NO_NAMES
