"""Stores which groups the entries of a server name: the only sign of a deleted group is that it is missing.

Groups are compared by the keys of their DNs, which are made anew each time. The stored keys may be of another version
of Rollcall; they only keep two workers from noting a group twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from directory import digests
from directory.models import NamedGroup
from directory.values import distinguished_names


class NamedGroups:
    """The groups that the entries of one server name, and some that they named until recently."""

    def __init__(self, server_id: int) -> None:
        self._server_id = server_id
        self._named: set[str] | None = None

    def add(self, named: Collection[str]) -> None:
        """Note these groups, given by their DNs, in the caller's transaction."""
        if not named:
            return
        if self._named is None:
            self._named = set(map(distinguished_names.key, of(self._server_id)))
        new = {key: dn for dn in set(named) if (key := distinguished_names.key(dn)) not in self._named}
        NamedGroup.objects.bulk_create(
            [NamedGroup(server_id=self._server_id, key=digests.of_text(key), dn=dn) for key, dn in new.items()],
            batch_size=500,
            ignore_conflicts=True,
        )
        self._named |= new.keys()


def of(server_id: int) -> list[str]:
    """Return the DNs of the groups that the entries of a server name."""
    return list(NamedGroup.objects.filter(server=server_id).order_by("pk").values_list("dn", flat=True))


def forget(groups: Iterable[str], *, server_id: int) -> None:
    """Forget these groups, given by their DNs: no entry names them any more."""
    keys = set(map(distinguished_names.key, groups))
    if not keys:
        return
    named = NamedGroup.objects.filter(server=server_id)
    unused = [pk for pk, dn in named.values_list("pk", "dn") if distinguished_names.key(dn) in keys]
    for start in range(0, len(unused), 500):
        named.filter(pk__in=unused[start : start + 500]).delete()
