"""Encodes as a short number which attributes of the mapping and the scripts an entry has. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


class NamedAttributes:
    """The attributes with these names: each has a bit of the number, in order, the first one the lowest bit."""

    def __init__(self, names: Sequence[str]) -> None:
        self._bits = {name.lower(): 1 << position for position, name in enumerate(names)}
        # A cache: most entries have the same attributes in the same order.
        self._known: dict[tuple[str, ...], str] = {}

    def of(self, attributes: Mapping[str, object]) -> str:
        """Return the number, in hexadecimal digits, of an entry with these attributes, in any letter case and with any options."""
        spelled = tuple(attributes)
        found = self._known.get(spelled)
        if found is None:
            # A server may send any number of combinations.
            if len(self._known) > 10_000:
                self._known.clear()
            bare = {name.lower().partition(";")[0] for name in spelled}
            found = self._known[spelled] = f"{sum(self._bits.get(name, 0) for name in bare):x}"
        return found

    def also(self, digits: str, name: str) -> str:
        """Return the number of an entry that also has this attribute."""
        return f"{int(digits or '0', 16) | self._bits.get(name.lower(), 0):x}"

    def counts(self, entries: Iterable[tuple[str, int]]) -> dict[str, int]:
        """Return the number of entries with each attribute, by its folded name; ``entries`` are pairs of digits and a count."""
        counts = dict.fromkeys(self._bits, 0)
        for digits, count in entries:
            number = int(digits or "0", 16)
            for name, bit in self._bits.items():
                if number & bit:
                    counts[name] += count
        return {name: count for name, count in counts.items() if count}
