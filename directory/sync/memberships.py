"""Whose memberships have changed with a group: entries tell in which groups they are, and nothing of a change. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

Attributes = Mapping[str, Sequence[str]]

# By what attributes an entry tells in which groups it is.
TELLING = frozenset({"memberof", "ismemberof"})


def changed(groups: Mapping[str, Sequence[str]], entries: Iterable[tuple[str, Attributes]]) -> list[str]:
    """Return the DNs of those entries, as they are known, that may tell other groups by now.

    ``groups`` have changed, by DN, with the DNs of their members. Whoever tells a group that does not name them any
    more, or the other way round, may have changed; so may whoever tells a group that is a member of one that they do
    not tell. Where no entry tells any group at all, the server has them tell nothing.
    """
    listed = defaultdict[str, set[str]](set)
    for group, members in groups.items():
        for member in map(_plain, members):
            listed[member].add(_plain(group))
    wanted, found, tell, nothing = {_plain(dn) for dn in groups}, list[str](), False, set[str]()
    for dn, attributes in entries:
        told = {_plain(value) for kind, values in attributes.items() if kind.lower() in TELLING for value in values}
        tell = tell or bool(told)
        inherited = (group for member in told & listed.keys() for group in listed[member])
        if told & wanted != listed.get(_plain(dn), nothing) or not told.issuperset(inherited):
            found.append(dn)
    return found if tell else []


def _plain(dn: str) -> str:
    """Return a DN as it is compared here: one server writes the same one alike, up to letter case and spaces."""
    return dn.lower().replace(", ", ",")
