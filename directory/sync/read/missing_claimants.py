"""Finds stored entries that did not come with the changes, but compete with an entry that did: they may be gone.

A renamed entry comes under another DN with the same immutable id. An entry that was deleted and made anew comes with
the same username. Nothing in the changes shows that the older one is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from django.db.models import Count, QuerySet

from directory.models import StoredEntry
from directory.sync.entries.entry_store import EntryStore

PART = 500


class Claimant(NamedTuple):
    """A stored entry that competes with one that came."""

    pk: int
    user_id: int | None
    dn: str
    unique_id: str
    run_id: int


def not_come(entry_store: EntryStore, server_id: int, competing_users: Collection[int]) -> list[Claimant]:
    """Return the competing entries that have not come; ``competing_users`` are users with a claim to an entry that came.

    All stored entries are compared, not only new ones: a dead attempt may have stored the new entry before.
    """
    stored = StoredEntry.objects.filter(server=server_id)
    found: dict[int, Claimant] = {}
    for column in ("unique_id", "user_id"):
        alike = stored.exclude(unique_id="") if column == "unique_id" else stored.exclude(user=None)
        several = alike.order_by().values(column).annotate(rows=Count("pk")).filter(rows__gt=1).values(column)
        found |= _beside_what_came(entry_store, stored.filter(**{f"{column}__in": several}), column)
    users = sorted(competing_users)
    for start in range(0, len(users), PART):
        claiming = stored.filter(user__in=users[start : start + PART])
        found |= {row.pk: row for row in _rows(claiming) if not entry_store.has_come(row.pk, row.run_id)}
    if users:
        # The rows do not store which other users claim them, so all ambiguous ones count.
        ambiguous = stored.filter(ambiguous=True)
        found |= {row.pk: row for row in _rows(ambiguous) if not entry_store.has_come(row.pk, row.run_id)}
    return list(found.values())


def _beside_what_came(entry_store: EntryStore, entries: QuerySet[StoredEntry], column: str) -> dict[int, Claimant]:
    """Return those of these entries that have not come, while another one with the same value in this column has."""
    came, others = set[object](), list[Claimant]()
    for row in _rows(entries):
        if entry_store.has_come(row.pk, row.run_id):
            came.add(getattr(row, column))
        else:
            others.append(row)
    return {row.pk: row for row in others if getattr(row, column) in came}


def _rows(entries: QuerySet[StoredEntry]) -> Iterator[Claimant]:
    return (Claimant(*row) for row in entries.order_by("pk").values_list(*Claimant._fields))
