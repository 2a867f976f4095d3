"""Distinguished names compared as a directory compares them: parsed, without regard to case, spaces and escapes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from directory.sync.dn_spellings import FIRST, folded, key, parent
from orgs.text import fold

__all__ = [
    "child_on_the_way",
    "folded",
    "key",
    "parent",
    "parsed",
    "same",
    "text_of",
    "texts_of",
]

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


def text_of_first(dn: str) -> str:
    """Return the value of the first RDN as text, such as the name of a group; the RDN itself where it has several."""
    found = FIRST.match(dn)
    rdn = dn[: found.end() - 1] if found else dn
    _, _, value = rdn.partition("=")
    return rdn if len(_split(rdn, "+")) > 1 else unescaped(value.strip()) or rdn


@lru_cache(maxsize=4096)
def parsed(dn: str) -> tuple[Rdn, ...] | None:
    """Return what is equal for two spellings of one DN, from the entry up to the top; None where it is no DN."""
    if not dn.strip():
        return ()
    found = tuple(_rdn(part) for part in _split(dn, ","))
    return None if frozenset() in found else found


def same(one: str, other: str) -> bool:
    """Tell whether two DNs name one entry; what is no DN names none."""
    left = parsed(one)
    return left is not None and left == parsed(other)


def is_within(dn: str, top: str) -> bool:
    """Tell whether a DN is ``top`` or below it; what is no DN is nowhere."""
    whole, above = parsed(dn), parsed(top)
    return bool(whole and above) and whole[-len(above) :] == above  # type: ignore[index,arg-type]  # neither is None


def child_on_the_way(top: str, dn: str) -> str:
    """Return the DN directly below ``top`` in which ``dn`` is, or that it is; empty where ``top`` is not above it."""
    above, whole = parsed(top), parsed(dn)
    if not above or not whole or len(whole) <= len(above) or whole[-len(above) :] != above:
        return ""
    for _ in range(len(whole) - len(above) - 1):
        dn = parent(dn)
    return dn


def _rdn(text: str) -> Rdn:
    """Return one RDN, empty where it is none."""
    pairs = set()
    for part in _split(text, "+"):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            return frozenset()
        kind = name.strip().lower().removeprefix("oid.")
        pairs.add((TYPES.get(kind, kind), fold(unescaped(value))))
    return frozenset(pairs)


def unescaped(value: str) -> str:
    """Return a value without escapes (RFC 4514, 2.4); octets that are no text stay apart from all text."""
    octets = ESCAPED.sub(_octet, value.encode("utf-8", "surrogatepass"))
    return octets.decode("utf-8", "surrogateescape")


def _octet(found: re.Match[bytes]) -> bytes:
    pair, sign = found.groups()
    return bytes([int(pair, 16)]) if pair is not None else bytes(sign)


def _split(text: str, separator: str) -> list[str]:
    parts, last, escaped = [], 0, False
    for at, sign in enumerate(text):
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == separator:
            parts.append(text[last:at])
            last = at + 1
    return [*parts, text[last:]]
