"""Notes which entries have come in one reading: each counts once, however often it comes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from django.db.models import Max

from directory.models import StoredEntry
from directory.sync.entries.entry_values import EntryKey, Stored
from directory.sync.entries.id_set import Ids

E = TypeVar("E")


class Repeat(NamedTuple, Generic[E]):
    """An entry that has come before; ``before`` is its first copy, as long as that one has no row."""

    entry: E
    entry_key: EntryKey
    before: E | None


class Arrivals(Generic[E]):
    """The entries that have come in one reading: those with a row, and those whose row is not written yet."""

    def __init__(self, server_id: int) -> None:
        stored = StoredEntry.objects.filter(server=server_id).aggregate(newest=Max("pk"))
        # This very reading has stored every row with a higher id, so the entry of such a row has come.
        self._newest = stored["newest"] or 0
        self._rows, self._written = Ids(), Ids()
        self._coming: dict[str, E] = {}

    @property
    def left_alone(self) -> int:
        """How many entries have come whose rows are older than this reading, and stay unchanged."""
        return len(self._rows) - len(self._written)

    def __contains__(self, pk: int) -> bool:
        return pk in self._rows

    def take(
        self, page: Sequence[E], entry_keys: Sequence[EntryKey]
    ) -> tuple[list[tuple[E, EntryKey]], list[Repeat[E]]]:
        """Return the entries that come for the first time, each with its key, and those that have come before."""
        first: list[tuple[E, EntryKey]] = []
        repeats: list[Repeat[E]] = []
        rows, coming, newest = self._rows, self._coming, self._newest
        for both in zip(page, entry_keys, strict=True):
            entry, entry_key = both
            stored = entry_key.stored
            if stored is not None and stored.pk <= newest and rows.add(stored.pk):
                if stored.digest != entry_key.digest:
                    coming[entry_key.key] = entry
            elif stored is None and entry_key.key not in coming:
                coming[entry_key.key] = entry
            else:
                repeats.append(Repeat(entry, entry_key, coming.get(entry_key.key)))
                continue
            first.append(both)
        return first, repeats

    def add(self, stored: Iterable[Stored]) -> None:
        """Note that the entries of these rows have come; a second time changes nothing."""
        for each in stored:
            self._rows.add(each.pk)

    def kept(self, keys: Iterable[str], written: Iterable[int]) -> None:
        """Note that the entries with these keys have rows now; ``written`` are the older rows that were overwritten."""
        for key in keys:
            self._coming.pop(key, None)
        for pk in written:
            self._written.add(pk)
