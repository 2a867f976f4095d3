"""The tabs of a page: parts of one object, each with an address of its own."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Tab:
    """One part, for ``components/tabs.html``; ``count`` is the number of things in it, None where nothing is counted."""

    label: str | Promise
    address: str
    current: bool = False
    count: int | None = None
