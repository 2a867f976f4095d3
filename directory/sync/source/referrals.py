"""Which parts of a directory may hold people: those that a server refers to, and the trees that it names itself."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from ldap import dn as ldap_dn

# Active Directory refers every search at a domain's root to these partitions, which hold no accounts
# (MS-ADTS, 3.1.1.1.5 and 6.1.1.1).
WITHOUT_PEOPLE = ("dc=domaindnszones,", "dc=forestdnszones,", "cn=configuration,", "cn=schema,")


def may_hold_people(url: str) -> bool:
    """Tell whether a part of the tree that was not read, named by its URL (RFC 4516), may hold people."""
    _, _, rest = url.partition("://")
    _, _, path = rest.partition("/")
    return holds_people(unquote(path.partition("?")[0]))


def holds_people(dn: str) -> bool:
    """Tell whether a tree, named by its top, may hold people."""
    return not dn.lower().replace(" ", "").startswith(WITHOUT_PEOPLE)


def trees_with_people(contexts: Sequence[str], base: str) -> list[str]:
    """Return the trees of a directory that may hold people; where it names none, the top of the search base."""
    named = [dn for dn in contexts if holds_people(dn)]
    if named or not ldap_dn.is_dn(base):
        return named
    parts = ldap_dn.explode_dn(base)
    domain = [part for part in parts if part.lower().startswith("dc=")]
    return [",".join(domain or parts[-1:])]
