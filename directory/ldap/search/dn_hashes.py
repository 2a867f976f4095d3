"""Notes which DNs have come, in eight bytes each: a directory may have a million of them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

# The most hashes in one set: a set of a million takes ten times as much memory as the array of them.
AT_ONCE = 250_000


class DnHashes:
    """The hashes of the DNs that have come; their seed is secret, so that a directory can't forge equal ones."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, names: Iterable[bytes]) -> None:
        """Note that these DNs have come."""
        self._hashes.extend(map(hash, names))

    def repeated(self) -> int:
        """Return how many DNs have come beyond the first time."""
        return len(self._hashes) - sum(map(len, self._sets()))

    def counts(self, names: Iterable[bytes]) -> dict[bytes, int]:
        """Return how often each of these DNs has come."""
        by_hash = {hash(name): name for name in names}
        counted = Counter(filter(by_hash.__contains__, self._hashes))
        return {by_hash[key]: count for key, count in counted.items()}

    def same_as(self, other: DnHashes) -> bool:
        """Return whether the number of DNs and the sum of their hashes are equal."""
        return len(self) == len(other) and sum(self._hashes) == sum(other._hashes)

    def not_in(self, other: DnHashes) -> int:
        """Return how many of these DNs are not among the other ones."""
        parts = self._count_parts()
        return sum(
            len(part.difference(key for key in other._hashes if key % parts == rest))
            for rest, part in enumerate(self._sets())
        )

    def _sets(self) -> Iterator[set[int]]:
        """Yield all hashes once, in sets: each set has the hashes of one remainder."""
        parts = self._count_parts()
        for rest in range(parts):
            yield {key for key in self._hashes if key % parts == rest} if parts > 1 else set(self._hashes)

    def _count_parts(self) -> int:
        return len(self._hashes) // AT_ONCE + 1
