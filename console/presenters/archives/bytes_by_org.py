"""Counts the bytes of archives by org: each org's own, and with those of the orgs below."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Sum

from orgs.models import Archive, ArchiveState, Org, User
from orgs.permissions import Permission


@dataclass(slots=True)
class OrgBytes:
    """The archives of one org in bytes; ``with_below`` adds those of the orgs below. ``archives`` is a count."""

    pk: int
    name: str
    path: str
    live: int = 0
    cold: int = 0
    expired: int = 0
    archives: int = 0
    with_below: int = 0

    @property
    def own(self) -> int:
        """The bytes of the org itself."""
        return self.live + self.cold + self.expired


_FIELDS = {ArchiveState.LIVE: "live", ArchiveState.COLD_STORAGE: "cold", ArchiveState.EXPIRED: "expired"}


def bytes_by_org(viewer: User) -> list[OrgBytes]:
    """Return the orgs of the viewer's part that have archives, or have some below, the largest first; two queries."""
    orgs = Org.objects.in_reach_of(viewer, Permission.COMPUTER_READ).values_list("pk", "name", "path")
    rows = {path: OrgBytes(pk, name, path) for pk, name, path in orgs}
    stored = Archive.objects.visible_to(viewer).order_by().values_list("device__user__org__path", "state")
    for path, state, count, size in stored.annotate(Count("pk"), Sum("size_bytes")):
        row = rows[path]
        setattr(row, _FIELDS[ArchiveState(state)], size)
        row.archives += count
        for end in range(Org.steplen, len(path) + 1, Org.steplen):
            if (above := rows.get(path[:end])) is not None:
                above.with_below += size
    # An archive may have no bytes yet.
    with_archives = {path[:end] for path, row in rows.items() if row.archives for end in range(4, len(path) + 1, 4)}
    found = [row for path, row in rows.items() if path in with_archives]
    return sorted(found, key=lambda row: (-row.with_below, row.path))
