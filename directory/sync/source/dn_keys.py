"""DN → the key under which all spellings of it are one: fast enough for half a million members of groups. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from directory.sync.source.dns import TYPES, unescaped
from orgs.text import fold

# From the beginning to the first comma, or plus sign, that separates.
RDN = re.compile(r"(?:[^\\,]+|\\.)*", re.DOTALL)
PART = re.compile(r"(?:[^\\+]+|\\.)*", re.DOTALL)
# What would separate if it stood in a value unescaped.
SEPARATOR = re.compile(r"[\\,+]")
# Spellings are forgotten above that, so that their memory does not grow with the directory.
MOST = 250_000


class DnKeys(dict[str, str]):
    """Keys by the spelling of the DN; a spelling that came before costs one look.

    Keys are equal where names differ in letter case, spaces, escapes, the names of types, or the order of the parts of one RDN.
    They are compared with each other only, never stored for another version of Rollcall.
    """

    def __init__(self) -> None:
        super().__init__()
        self._above: dict[str, str] = {}
        self._types: dict[str, str] = {}

    def __missing__(self, dn: str) -> str:
        if len(self) >= MOST:
            self.clear()
        self[dn] = key = self._key(dn)
        return key

    def _key(self, dn: str) -> str:
        rdn, above = _cut(dn)
        if not above:
            return self._rdn(rdn)
        known = self._above.get(above)
        if known is None:
            # There are few of these.
            if len(self._above) >= MOST:
                self._above.clear()
            known = self._above[above] = ",".join(map(self._rdn, _rdns(above)))
        return f"{self._rdn(rdn)},{known}"

    def _rdn(self, text: str) -> str:
        if "\\" not in text and "+" not in text:
            return self._part(text)
        parts, at = list[str](), 0
        while at <= len(text):
            found = PART.match(text, at)
            end = found.end() if found else len(text)
            parts.append(self._part(text[at:end]))
            at = end + 1
        return "+".join(sorted(parts))

    def _part(self, text: str) -> str:
        """Return the key of one type with its value."""
        name, _, value = text.partition("=")
        kind = self._types.get(name)
        if kind is None:
            if len(self._types) >= MOST:
                self._types.clear()
            bare = name.strip().lower().removeprefix("oid.")
            kind = self._types[name] = TYPES.get(bare, bare)
        # Where commas alone are escaped, as in names of people, nothing has to be written otherwise.
        if "\\" in value and value.count("\\") != value.count("\\,"):
            value = SEPARATOR.sub(r"\\\g<0>", fold(unescaped(value)))
        else:
            value = fold(value)
        return f"{kind}={value}"


def _cut(dn: str) -> tuple[str, str]:
    """Return the first RDN, and what stands above it."""
    if "\\" not in dn:
        rdn, _, above = dn.partition(",")
        return rdn, above
    found = RDN.match(dn)
    end = found.end() if found else len(dn)
    return dn[:end], dn[end + 1 :]


def _rdns(dn: str) -> Iterator[str]:
    if "\\" not in dn:
        yield from dn.split(",")
        return
    while dn:
        rdn, dn = _cut(dn)
        yield rdn
