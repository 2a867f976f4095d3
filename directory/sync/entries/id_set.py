"""A set of ids of rows in a bit each: a run may have a million of them."""

from __future__ import annotations

# So many ids are neighbours in one block.
BLOCK_BITS = 15


class Ids:
    """Ids that are mostly next to each other, as those of rows are."""

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
