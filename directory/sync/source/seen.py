"""Which DNs have come, in a few bytes each: a directory may have a million of them."""

from __future__ import annotations

from array import array

# Taken from other bits of the hash than the places in the bitmap.
BUCKETS, BUCKET_SHIFT = 256, 40
BITS = 1 << 27


class Seen:
    """A set of DNs by their hashes."""

    def __init__(self) -> None:
        self._bits = bytearray(BITS >> 3)
        self._buckets = [array("q") for _ in range(BUCKETS)]

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def add(self, dn: str) -> bool:
        """Note a DN; False when it has come before."""
        key = hash(dn)
        at, bit = (key & (BITS - 1)) >> 3, 1 << (key & 7)
        bucket = self._buckets[(key >> BUCKET_SHIFT) & (BUCKETS - 1)]
        # The bitmap tells nearly all that are new; searching a bucket takes its time.
        if self._bits[at] & bit and key in bucket:
            return False
        self._bits[at] |= bit
        bucket.append(key)
        return True

    def not_in(self, other: Seen) -> int:
        """Return how many of these DNs are not among the other ones."""
        pairs = zip(self._buckets, other._buckets, strict=True)
        return sum(len(set(mine).difference(theirs)) for mine, theirs in pairs)
