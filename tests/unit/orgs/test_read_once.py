"""Inside one part of a large act each thing is read once; outside it is read anew."""

from __future__ import annotations

from orgs.read_once import once, reading_once


def counted() -> tuple[list[int], int]:
    """Return how often was read, and what two reads return together."""
    reads: list[int] = []

    def read() -> int:
        reads.append(1)
        return len(reads)

    return reads, once("number", read) + once("number", read)


def test_reads_each_time_outside() -> None:
    assert counted() == ([1, 1], 3)


def test_reads_once_inside() -> None:
    with reading_once():
        assert counted() == ([1], 2)


def test_forgets_at_the_end() -> None:
    for _ in range(2):
        with reading_once():
            assert counted() == ([1], 2)
