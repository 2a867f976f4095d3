"""Which groups a person is in, directly and through other groups, and by which way each is reached. Pure."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from directory.values.distinguished_names import Keys

# The person is in none, or in the group itself.
DIRECT = -1
NOBODY: Sequence[int] = ()
# What is reached from single groups is remembered, up to so many numbers: 40 MB.
MOST_REMEMBERED = 5_000_000


class Names(NamedTuple):
    """By what else than the DN groups name a person: usernames (memberUid), and the SID of the primary group."""

    usernames: tuple[str, ...] = ()
    primary_group: str = ""


NO_NAMES = Names()


class Group(NamedTuple):
    """One group: its DN as the directory spells it, and who is in it.

    ``members`` are keys of DNs, ``usernames`` are compared to the letter, and ``sid`` is the group's own, for those whose primary group it is.
    """

    dn: str
    members: tuple[str, ...] = ()
    usernames: tuple[str, ...] = ()
    sid: str = ""


@dataclass(slots=True)
class Touched:
    """Whose groups may be others by now: persons by the keys of their DNs, by usernames, and by the SIDs of primary groups."""

    members: set[str] = field(default_factory=set)
    usernames: set[str] = field(default_factory=set)
    sids: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.members or self.usernames or self.sids)


class GroupGraph:
    """All groups of one directory; ``depth`` is how many levels of groups in groups are followed.

    It holds half a million memberships in about 60 MB: members are numbered, and groups in the order of their DNs.
    """

    def __init__(self, groups: Iterable[Group], *, depth: int, keys: Keys) -> None:
        self._depth = depth
        self._keys = keys
        self._dns: list[str] = []
        self._usernames: list[tuple[str, ...]] = []
        self._sids: list[str] = []
        self._members: list[array[int]] = []
        # A member's number by its key, and the groups that name it by its number.
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
        # What is reached from each group, itself too, once that is known; at first of those that are in none, as most are.
        self._from: list[Sequence[int]] = [NOBODY if each in self._above else (each,) for each in range(len(self))]
        self._remembered = 0

    def __len__(self) -> int:
        return len(self._dns)

    @property
    def too_deep(self) -> list[str]:
        """The DNs of groups whose own groups were not followed any more, for the entries resolved so far."""
        return sorted(self._dns[number] for number in self._too_deep)

    def groups(self, dn: str, names: Names) -> list[str]:
        """Return the DNs of all groups that a person is in, sorted."""
        return [self._dns[number] for number in self._all(dn, names)]

    def groups_as_json(self, dn: str, names: Names) -> str:
        """Return what ``groups`` does as JSON: a DN is put in quotes once, not for each person."""
        texts = self._texts = self._texts or [json.dumps(dn) for dn in self._dns]
        return f"[{', '.join([texts[number] for number in self._all(dn, names)])}]"

    def ways(self, dn: str, names: Names) -> list[tuple[str, ...]]:
        """Return for each group that a person is not directly in the shortest way there: that group first, a direct one last."""
        came = self._reached(sorted(self._direct(dn, names)))
        found = [tuple(self._way(number, came)) for number, below in came.items() if below != DIRECT]
        return sorted(found)

    def touched(self, before: Mapping[str, Group], after: Mapping[str, Group]) -> Touched:
        """Return whose groups may be others than before; this graph is the one of afterwards.

        Both hold the groups that have changed, by the keys of their DNs, ``before`` as they were and ``after`` as they
        are; who is in one only has come or gone. Whoever is named is in the right place: nobody else's groups have changed.
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
        """Number the groups anew in the order of their DNs, so that numbers are sorted, and not texts, for each person."""
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
        """Return the numbers of the groups that are reached from one: what many persons have in common."""
        found = tuple(self._reached([number]))
        if self._remembered < MOST_REMEMBERED:
            self._remembered += len(found)
            self._from[number] = found
        return found

    def _reached(self, direct: Iterable[int]) -> dict[int, int]:
        """Return the numbers of all groups, each with the one by which it was reached first."""
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
        """Add who is below these members: in a group as it is, or as it was before it changed."""
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
    """Return a value of memberUid, or of uid, as both are compared: letter case counts (RFC 2307, caseExactIA5Match)."""
    return " ".join(value.split())


def names_of(attributes: Mapping[str, Sequence[str]]) -> Names:
    """Return by what else than the DN groups may name the person with these attributes, under any letter case."""
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
