"""Makes the filter that finds one person by known immutable ids and by username."""

from __future__ import annotations

from collections.abc import Sequence

from directory.ldap.entry_identity import UNIQUE_IDS, parts_of_id
from directory.ldap.search.decoding import values_of
from directory.ldap.validation.dn_and_attribute_syntax import escape_filter
from directory.values.ldap import AttributeMapping


def person_filter(
    username: str, unique_ids: Sequence[str], mapping: AttributeMapping, *, by_name_too: bool = True
) -> str:
    """Return the filter for one person: known immutable ids in all attributes that may hold them, and the username.

    Without ``by_name_too`` the username counts only if no id is known.
    """
    terms = [
        f"({name}={escape_filter(value)})"
        for attribute, unique_id in map(parts_of_id, unique_ids)
        for name in ((attribute,) if attribute else UNIQUE_IDS)
        for value in values_of(name, unique_id)
    ]
    if by_name_too or not terms:
        terms.append(f"({mapping.username}={escape_filter(username)})")
    return f"(|{''.join(terms)})"
