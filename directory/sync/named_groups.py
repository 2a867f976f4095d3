"""Which groups the stored entries of a server name: one that is deleted gives no other sign than that it is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from directory.models import NamedGroup
from directory.sync import dn_spellings


class NamedGroups:
    """The groups that the entries of one server name, and some that they did not long ago."""

    def __init__(self, server_id: int) -> None:
        self._server_id = server_id
        self._known: set[str] | None = None

    def add(self, named: Collection[str]) -> None:
        """Note these, given by their DNs, inside the caller's transaction."""
        if not named:
            return
        if self._known is None:
            self._known = set(NamedGroup.objects.filter(server=self._server_id).values_list("key", flat=True))
        new = {key: dn for dn in set(named) if (key := _key(dn)) not in self._known}
        NamedGroup.objects.bulk_create(
            [NamedGroup(server_id=self._server_id, key=key, dn=dn) for key, dn in new.items()],
            batch_size=500,
            ignore_conflicts=True,
        )
        self._known |= new.keys()


def of(server_id: int) -> list[str]:
    """Return the DNs of the groups that the entries of a server name."""
    return list(NamedGroup.objects.filter(server=server_id).order_by("pk").values_list("dn", flat=True))


def forget(groups: Iterable[str], *, server_id: int) -> None:
    """Forget groups, given by their DNs, that nobody names any more."""
    keys = [_key(dn) for dn in groups]
    for start in range(0, len(keys), 500):
        NamedGroup.objects.filter(server=server_id, key__in=keys[start : start + 500]).delete()


def _key(dn: str) -> str:
    return hashlib.sha256(dn_spellings.key(dn).encode("utf-8", "surrogatepass")).hexdigest()
