"""Decides which parts of a directory may hold people: those that referrals lead to, and the server's own trees."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from directory.values import distinguished_names

# Active Directory refers every search at a domain's root to these partitions, which hold no accounts
# (MS-ADTS, 3.1.1.1.5 and 6.1.1.1).
WITHOUT_PEOPLE = frozenset(
    {("dc", "domaindnszones"), ("dc", "forestdnszones"), ("cn", "configuration"), ("cn", "schema")}
)
CONFIGURATION = ("cn", "configuration")


def may_hold_people(url: str) -> bool:
    """Return whether a part of the tree that was not read, named by its URL (RFC 4516), may hold people."""
    return holds_people(dn_of(url))


def dn_of(url: str) -> str:
    """Return the DN in a URL (RFC 4516), empty if it has none."""
    _, _, rest = url.partition("://")
    _, _, path = rest.partition("/")
    return unquote(path.partition("?")[0])


def is_left_out(url: str, contexts: Sequence[str]) -> bool:
    """Return whether the DN in a URL is inside one of these parts of the tree."""
    return any(distinguished_names.is_within(dn_of(url), context) for context in contexts)


def holds_people(dn: str) -> bool:
    """Return whether the tree below this DN, in any spelling, may hold people."""
    parts = distinguished_names.parsed(dn)
    if not parts or len(parts) == 1:
        return True
    top, *above = parts
    # A tree with such a name outside a domain is no partition of Active Directory.
    in_domain = all(kind == "dc" or (kind, value) == CONFIGURATION for rdn in above for kind, value in rdn)
    return not (in_domain and WITHOUT_PEOPLE.issuperset(top))


def trees_with_people(contexts: Sequence[str], base: str) -> list[str]:
    """Return the trees of a directory that may hold people; if it lists none, the domain of the search base.

    With an empty base, as for a Global Catalog, the directory is one tree: it only lists the trees of its own domain.
    """
    if not base.strip():
        return [""]
    named = [dn for dn in contexts if holds_people(dn)]
    return named or ([_domain(base)] if distinguished_names.parsed(base) else [])


def _domain(dn: str) -> str:
    """Return the DN of an entry's domain, as spelled there; if it is in none, the DN of the topmost entry."""
    while above := distinguished_names.parent(dn):
        if all(kind == "dc" for rdn in distinguished_names.parsed(dn) or () for kind, _ in rdn):
            return dn
        dn = above
    return dn
