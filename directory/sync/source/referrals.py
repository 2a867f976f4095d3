"""Which parts of a directory that a server refers to may hold people."""

from __future__ import annotations

from urllib.parse import unquote

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
