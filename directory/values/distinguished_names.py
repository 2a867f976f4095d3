"""Compares distinguished names as a directory does: it ignores letter case, spaces, escapes and aliases of types. Pure.

``key`` alone decides whether two spellings are one DN; all other functions use it. Only keys of the same version of
Rollcall are compared. Keys stored in ``StoredGroup`` are valid only for the fingerprint of this file, and those in
``NamedGroup`` are never compared with new ones. So a new form of keys needs no migration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from orgs.text import fold

# One type with its value, or several of them.
Rdn = frozenset[tuple[str, str]]
# Aliases and OIDs of types, the same in every directory (RFC 4519).
TYPES = {
    "2.5.4.3": "cn", "commonname": "cn", "2.5.4.4": "sn", "surname": "sn", "2.5.4.6": "c", "countryname": "c",
    "2.5.4.7": "l", "localityname": "l", "2.5.4.8": "st", "stateorprovincename": "st", "2.5.4.9": "street",
    "streetaddress": "street", "2.5.4.10": "o", "organizationname": "o", "2.5.4.11": "ou",
    "organizationalunitname": "ou", "0.9.2342.19200300.100.1.1": "uid", "userid": "uid",
    "0.9.2342.19200300.100.1.25": "dc", "domaincomponent": "dc",
}  # fmt: skip
# Octets that are not UTF-8, as Python's surrogate escapes, and NUL, which PostgreSQL can't store; with backslashes before.
NO_TEXT = re.compile("(\\\\*)([\\0\udc80-\udcff])")
ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2})|\\(.)", re.DOTALL)
# The text before the first comma, or plus sign, that separates.
RDN = re.compile(r"(?:[^\\,]+|\\.?)*", re.DOTALL)
PART = re.compile(r"(?:[^\\+]+|\\.?)*", re.DOTALL)
# A DN in a group may end with the bit string of an X.500 unique identifier (RFC 4517, 3.3.21).
UNIQUE_IDENTIFIER = re.compile(r"#'[01]*'B\Z")
# Above this number spellings are forgotten, so that memory does not grow with the directory.
MOST_SPELLINGS = 250_000
# Limits of the caches: a directory has few branches, and fewer types.
MOST_BRANCHES = 20_000
MOST_TYPES = 1000


class Keys(dict[str, str]):
    """A cache of keys by the DN's spelling; a known spelling costs one lookup."""

    def __missing__(self, dn: str) -> str:
        if len(self) >= MOST_SPELLINGS:
            self.clear()
        self[dn] = found = key(dn)
        return found


def key(dn: str) -> str:
    """Return a text that is equal for all spellings of one DN, and for no other DN; every comma in it separates.

    It is empty for the top of the tree. A text that is no DN has a key that no DN has.
    """
    if "\\" in dn:
        rdn, comma, above = _cut(dn, RDN)
    else:
        rdn, comma, above = dn.partition(",")
    # A text of plus signs alone is no DN: it must not get the empty key of the top.
    own = _part(rdn) if "+" not in rdn else "+".join(sorted(set(map(_part, _pieces(rdn, PART))))) or "+"
    return f"{own},{_key_above(above)}" if comma else own


@lru_cache(maxsize=MOST_BRANCHES)
def _key_above(dn: str) -> str:
    """Return the key of a branch, which many entries share; without recursion, because a DN may have thousands of parts."""
    return ",".join(map(key, _pieces(dn, RDN)))


def _part(text: str) -> str:
    """Return the key of one type with its value."""
    kind, equals, value = text.partition("=")
    if "\\" not in value:
        folded = fold(value)
        if not value.isascii():
            # Folding turns other kinds of commas into plain ones.
            folded = _hexed(folded)
    elif value.count("\\") == value.count("\\,"):
        # Fast path: nearly all escapes in names of people are of commas.
        folded = _hexed(fold(value.replace("\\,", ",")))
    else:
        folded = _hexed(fold(unescaped(value)))
    return f"{_type(kind)}={folded}" if equals else _type(kind)


@lru_cache(maxsize=MOST_TYPES)
def _type(name: str) -> str:
    """Return the name of a type in the form for keys."""
    bare = _hexed(name.strip().lower().removeprefix("oid."))
    return TYPES.get(bare, bare)


def _hexed(text: str) -> str:
    """Return a text with backslashes, commas and plus signs escaped."""
    return text.replace("\\", "\\5c").replace(",", "\\2c").replace("+", "\\2b")


def _unhexed(text: str) -> str:
    return text.replace("\\2c", ",").replace("\\2b", "+").replace("\\5c", "\\")


def parsed(dn: str) -> tuple[Rdn, ...] | None:
    """Return the RDNs of a DN, equal for all its spellings, from the entry up to the top; None when the text is no DN."""
    text = key(dn)
    if not text:
        return ()
    found = tuple(frozenset(_pairs(rdn)) for rdn in text.split(","))
    return found if all(kind for rdn in found for kind, _ in rdn) else None


def _pairs(rdn: str) -> Iterator[tuple[str, str]]:
    """Yield type and value of each part of a key's RDN; the type is empty for a part without an equals sign."""
    for part in rdn.split("+"):
        kind, equals, value = part.partition("=")
        yield _unhexed(kind) if equals else "", _unhexed(value)


def same(one: str, other: str) -> bool:
    """Return whether two DNs name the same entry; a text that is no DN names none."""
    return key(one) == key(other) and parsed(one) is not None


def is_among(dn: str, others: Iterable[str]) -> bool:
    """Return whether a DN names one of these entries; a text that is no DN equals the same spelling only."""
    return key(dn) in map(key, others)


def is_within(dn: str, top: str) -> bool:
    """Return whether a DN is ``top`` or below it; False when either is no DN or the top of the tree."""
    if not parsed(dn) or not parsed(top):
        return False
    return key_is_within(key(dn), key(top))


def key_is_within(inner: str, top: str) -> bool:
    """Return by keys whether an entry is ``top`` or below it; every entry is below the top of the tree."""
    return not top or inner == top or inner.endswith(f",{top}")


def child_on_the_way(top: str, dn: str) -> str:
    """Return the DN directly below ``top`` on the way to ``dn``, or ``dn`` itself; empty when ``dn`` is not below ``top``."""
    if not is_within(dn, top):
        return ""
    levels = key(dn).count(",") - key(top).count(",")
    for _ in range(levels - 1):
        dn = parent(dn)
    return dn if levels else ""


def parent(dn: str) -> str:
    """Return the DN above a DN, with its spelling; empty at the top."""
    return _cut(dn, RDN)[2].strip()


def text_of_first(dn: str) -> str:
    """Return the value of the first RDN as text, such as the name of a group; the whole RDN if it has several values."""
    rdn = _cut(dn, RDN)[0]
    _, _, value = rdn.partition("=")
    several = _cut(rdn, PART)[1]
    return rdn if several else unescaped(value.strip()) or rdn


def of_member(value: str) -> str:
    """Return the DN in a member value of a group, without the unique identifier that may follow it."""
    return UNIQUE_IDENTIFIER.sub("", value) if value.endswith("'B") else value


def unescaped(value: str) -> str:
    """Return a value without escapes (RFC 4514, 2.4); octets that are not UTF-8 become surrogates, which no text has."""
    octets = ESCAPED.sub(_octet, value.encode("utf-8", "surrogatepass"))
    return octets.decode("utf-8", "surrogateescape")


def _octet(found: re.Match[bytes]) -> bytes:
    pair, sign = found.groups()
    return bytes([int(pair, 16)]) if pair is not None else bytes(sign)


def text_of(name: bytes) -> str:
    """Return a DN as text; octets that are not UTF-8, or can't be stored, are escaped (RFC 4514, 2.4).

    So the DN can be shown, stored and searched for: to the server, the escaped form is the same DN.
    """
    return NO_TEXT.sub(_escaped, name.decode(errors="surrogateescape"))


def texts_of(names: Sequence[bytes]) -> tuple[list[str], list[str]]:
    """Return DNs as text, and the list of those that had to be escaped."""
    try:
        # Fast path for nearly all pages: join the names to search all of them for NUL at once.
        texts = [name.decode() for name in names]
        if b"\0" not in b"".join(names):
            return texts, []
    except UnicodeDecodeError:
        pass
    texts = [text_of(name) for name in names]
    return texts, [text for text, name in zip(texts, names, strict=True) if text.encode() != name]


def _escaped(found: re.Match[str]) -> str:
    slashes, sign = found.groups()
    # Drop an odd backslash, which escaped the octet: it would escape the new backslash.
    kept = slashes[: len(slashes) // 2 * 2]
    return f"{kept}\\{sign.encode(errors='surrogateescape')[0]:02X}"


def _cut(text: str, before: re.Pattern[str]) -> tuple[str, str, str]:
    """Return the text before the first separator, the separator, and the text after it."""
    found = before.match(text)
    end = found.end() if found else len(text)
    return text[:end], text[end : end + 1], text[end + 1 :]


def _pieces(text: str, before: re.Pattern[str]) -> Iterator[str]:
    """Yield the pieces between separators, also empty ones."""
    at = 0
    while at <= len(text):
        found = before.match(text, at)
        end = found.end() if found else len(text)
        yield text[at:end]
        at = end + 1
