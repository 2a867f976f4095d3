"""Caches the addresses of pages, as a list shows hundreds of links."""

from __future__ import annotations

import functools

from django.urls import get_script_prefix, reverse


def address_of(page: str, *ids: int) -> str:
    """Return the address of a page with these ids; faster than ``reverse``, which resolves each one anew."""
    parts = _around_ids(page, len(ids), get_script_prefix())
    return "".join(part for pair in zip(parts, (*map(str, ids), ""), strict=True) for part in pair)


@functools.lru_cache(maxsize=100)
def _around_ids(page: str, count: int, _prefix: str) -> tuple[str, ...]:
    # Unlikely numbers, which no other part of the address contains.
    marks = [8_765_432_100_000 + number for number in range(count)]
    rest, parts = reverse(page, args=marks), []
    for mark in marks:
        before, _, rest = rest.partition(str(mark))
        parts.append(before)
    return (*parts, rest)
