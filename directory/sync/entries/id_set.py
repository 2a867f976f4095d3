"""A set of row ids that takes one bit for each: a run may have a million of them."""

from __future__ import annotations

# A block holds 2 to this power of neighbouring ids.
BLOCK_BITS = 15


class Ids:
    """A set of ids that are mostly neighbours, like those of rows."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, pk: int) -> bool:
        block = self._blocks.get(pk >> BLOCK_BITS)
        return block is not None and bool(block[(pk >> 3) & (1 << BLOCK_BITS - 3) - 1] & 1 << (pk & 7))

    def add(self, pk: int) -> bool:
        """Add an id; return whether it is new."""
        block = self._blocks.get(pk >> BLOCK_BITS)
        if block is None:
            block = self._blocks[pk >> BLOCK_BITS] = bytearray(1 << BLOCK_BITS - 3)
        at, bit = (pk >> 3) & (1 << BLOCK_BITS - 3) - 1, 1 << (pk & 7)
        is_new = not block[at] & bit
        self._count += is_new
        block[at] |= bit
        return is_new
