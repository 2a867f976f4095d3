"""Distinguished names compared as a directory compares them: without regard to case, spaces, escapes and names of types. Pure.

``key`` is the one thing by which two spellings of a DN are known to be the same; all else here follows from it. Keys are
compared with keys that the same version of Rollcall has made: where one is stored, it goes by the fingerprint of this file
(``StoredGroup``), or is never compared with a new one (``NamedGroup``), so that another form of them needs no migration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from orgs.text import fold

# One type and its value, or several of them.
Rdn = frozenset[tuple[str, str]]
# Names that are the same type in every directory (RFC 4519).
TYPES = {
    "2.5.4.3": "cn", "commonname": "cn", "2.5.4.4": "sn", "surname": "sn", "2.5.4.6": "c", "countryname": "c",
    "2.5.4.7": "l", "localityname": "l", "2.5.4.8": "st", "stateorprovincename": "st", "2.5.4.9": "street",
    "streetaddress": "street", "2.5.4.10": "o", "organizationname": "o", "2.5.4.11": "ou",
    "organizationalunitname": "ou", "0.9.2342.19200300.100.1.1": "uid", "userid": "uid",
    "0.9.2342.19200300.100.1.25": "dc", "domaincomponent": "dc",
}  # fmt: skip
# Octets that are no UTF-8, as Python has them, and NUL, which PostgreSQL can't store; with what stands before.
NO_TEXT = re.compile("(\\\\*)([\\0\udc80-\udcff])")
ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2})|\\(.)", re.DOTALL)
# From the beginning to the first comma, or plus sign, that separates.
RDN = re.compile(r"(?:[^\\,]+|\\.?)*", re.DOTALL)
PART = re.compile(r"(?:[^\\+]+|\\.?)*", re.DOTALL)
# A DN in a group may have the bit string of an X.500 unique identifier behind it (RFC 4517, 3.3.21).
UNIQUE_IDENTIFIER = re.compile(r"#'[01]*'B\Z")
# Spellings are forgotten above that, so that their memory does not grow with the directory.
MOST_SPELLINGS = 250_000
# There are few branches, and fewer types.
MOST_BRANCHES = 20_000
MOST_TYPES = 1000


class Keys(dict[str, str]):
    """Keys by the spelling of the DN; a spelling that came before costs one look."""

    def __missing__(self, dn: str) -> str:
        if len(self) >= MOST_SPELLINGS:
            self.clear()
        self[dn] = found = key(dn)
        return found


def key(dn: str) -> str:
    """Return what is equal for all spellings of one DN, and for no other; in it every comma separates.

    It is empty for the top of the tree. What is no DN has a key that no DN has.
    """
    if "\\" in dn:
        rdn, comma, above = _cut(dn, RDN)
    else:
        rdn, comma, above = dn.partition(",")
    # Pluses alone are no DN, and not the top.
    own = _part(rdn) if "+" not in rdn else "+".join(sorted(set(map(_part, _pieces(rdn, PART))))) or "+"
    return f"{own},{_key_above(above)}" if comma else own


@lru_cache(maxsize=MOST_BRANCHES)
def _key_above(dn: str) -> str:
    """Return the key of what stands above many entries; in turn, as a DN may have thousands of parts."""
    return ",".join(map(key, _pieces(dn, RDN)))


def _part(text: str) -> str:
    """Return the key of one type with its value."""
    kind, equals, value = text.partition("=")
    if "\\" not in value:
        folded = fold(value)
        if not value.isascii():
            # There are other commas, which folding makes plain ones.
            folded = _hexed(folded)
    elif value.count("\\") == value.count("\\,"):
        # Nearly all escapes in names of people are these.
        folded = _hexed(fold(value.replace("\\,", ",")))
    else:
        folded = _hexed(fold(unescaped(value)))
    return f"{_type(kind)}={folded}" if equals else _type(kind)


@lru_cache(maxsize=MOST_TYPES)
def _type(name: str) -> str:
    """Return the name of a type as it stands in keys."""
    bare = _hexed(name.strip().lower().removeprefix("oid."))
    return TYPES.get(bare, bare)


def _hexed(text: str) -> str:
    """Return a text without what separates in a DN."""
    return text.replace("\\", "\\5c").replace(",", "\\2c").replace("+", "\\2b")


def _unhexed(text: str) -> str:
    return text.replace("\\2c", ",").replace("\\2b", "+").replace("\\5c", "\\")


def parsed(dn: str) -> tuple[Rdn, ...] | None:
    """Return the parts of a DN in one form for all its spellings, from the entry up to the top; None where it is no DN."""
    text = key(dn)
    if not text:
        return ()
    found = tuple(frozenset(_pairs(rdn)) for rdn in text.split(","))
    return found if all(kind for rdn in found for kind, _ in rdn) else None


def _pairs(rdn: str) -> Iterator[tuple[str, str]]:
    """Yield type and value of each part of a key's RDN; without a type where it is none."""
    for part in rdn.split("+"):
        kind, equals, value = part.partition("=")
        yield _unhexed(kind) if equals else "", _unhexed(value)


def same(one: str, other: str) -> bool:
    """Return whether two DNs name one entry; what is no DN names none."""
    return key(one) == key(other) and parsed(one) is not None


def is_among(dn: str, others: Iterable[str]) -> bool:
    """Tell whether a DN names one of these entries; what is no DN is among those that are spelled as it is."""
    return key(dn) in map(key, others)


def is_within(dn: str, top: str) -> bool:
    """Return whether a DN is ``top`` or below it; what is no DN is nowhere, and nothing is said to be in the top of the tree."""
    if not parsed(dn) or not parsed(top):
        return False
    return key_is_within(key(dn), key(top))


def key_is_within(inner: str, top: str) -> bool:
    """Tell by their keys whether an entry is another one, or below it; all are below the top of the tree."""
    return not top or inner == top or inner.endswith(f",{top}")


def child_on_the_way(top: str, dn: str) -> str:
    """Return the DN directly below ``top`` in which ``dn`` is, or that it is; empty where ``top`` is not above it."""
    if not is_within(dn, top):
        return ""
    levels = key(dn).count(",") - key(top).count(",")
    for _ in range(levels - 1):
        dn = parent(dn)
    return dn if levels else ""


def parent(dn: str) -> str:
    """Return the DN above one, as it is spelled there; empty at the top."""
    return _cut(dn, RDN)[2].strip()


def text_of_first(dn: str) -> str:
    """Return the value of the first RDN as text, such as the name of a group; the RDN itself where it has several."""
    rdn = _cut(dn, RDN)[0]
    _, _, value = rdn.partition("=")
    several = _cut(rdn, PART)[1]
    return rdn if several else unescaped(value.strip()) or rdn


def of_member(value: str) -> str:
    """Return the DN of a member as a group has it, without the unique identifier that may stand behind it."""
    return UNIQUE_IDENTIFIER.sub("", value) if value.endswith("'B") else value


def unescaped(value: str) -> str:
    """Return a value without escapes (RFC 4514, 2.4); octets that are no text stay apart from all text."""
    octets = ESCAPED.sub(_octet, value.encode("utf-8", "surrogatepass"))
    return octets.decode("utf-8", "surrogateescape")


def _octet(found: re.Match[bytes]) -> bytes:
    pair, sign = found.groups()
    return bytes([int(pair, 16)]) if pair is not None else bytes(sign)


def text_of(name: bytes) -> str:
    """Return a DN as text, with what is none, or can't be stored, as escaped octets (RFC 4514, 2.4).

    So it can be shown, kept and asked for: to the server, the escaped form is the same DN.
    """
    return NO_TEXT.sub(_escaped, name.decode(errors="surrogateescape"))


def texts_of(names: Sequence[bytes]) -> tuple[list[str], list[str]]:
    """Return DNs as text, and those of them that had to be escaped."""
    try:
        # Nearly every page of nearly every directory: joined, since NUL is looked for in all of them at once.
        texts = [name.decode() for name in names]
        if b"\0" not in b"".join(names):
            return texts, []
    except UnicodeDecodeError:
        pass
    texts = [text_of(name) for name in names]
    return texts, [text for text, name in zip(texts, names, strict=True) if text.encode() != name]


def _escaped(found: re.Match[str]) -> str:
    slashes, sign = found.groups()
    # A backslash that stood for the octet would stand for the new one's otherwise.
    kept = slashes[: len(slashes) // 2 * 2]
    return f"{kept}\\{sign.encode(errors='surrogateescape')[0]:02X}"


def _cut(text: str, before: re.Pattern[str]) -> tuple[str, str, str]:
    """Return what stands before the first sign that separates, that sign, and what stands behind it."""
    found = before.match(text)
    end = found.end() if found else len(text)
    return text[:end], text[end : end + 1], text[end + 1 :]


def _pieces(text: str, before: re.Pattern[str]) -> Iterator[str]:
    """Yield what such signs separate, empty pieces too."""
    at = 0
    while at <= len(text):
        found = before.match(text, at)
        end = found.end() if found else len(text)
        yield text[at:end]
        at = end + 1
