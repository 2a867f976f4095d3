"""Who an entry is, by the attribute mapping of its server."""

from __future__ import annotations

from functools import lru_cache

from directory.sync.values import AttributeMapping, Encoded, Entry, Identity

LONGEST_USERNAME = 255
# Spellings of attributes are few, and entries many.
_lower = lru_cache(maxsize=4096)(str.lower)
# Identifiers that servers give and never change, the most common first.
UNIQUE_IDS = ("entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID", "GUID", "ibm-entryUuid", "orclGuid")


def is_unique_everywhere(mapping: AttributeMapping) -> bool:
    """Tell whether the immutable id is one that servers make unique in the world, not a number of the company's own."""
    chosen = mapping.unique_id.strip().lower()
    return not chosen or chosen in {name.lower() for name in UNIQUE_IDS}


def identity(entry: Entry, mapping: AttributeMapping) -> Identity:
    """Return what the mapped attributes say, trimmed; what an entry does not have, or what is no text, is empty."""
    folded = {_lower(name): values for name, values in entry.attributes.items()}

    def given(name: str) -> tuple[str, ...]:
        return folded.get(_lower(name.strip()), ())

    def values(name: str) -> tuple[str, ...]:
        found = given(name)
        if len(found) == 1 and type(found[0]) is str and (only := found[0].strip()):
            return (only,)
        trimmed = (value.strip() for value in found if not isinstance(value, Encoded))
        return tuple(dict.fromkeys(filter(None, trimmed)))

    def first(*names: str) -> str:
        return next((value for name in names for value in values(name)), "")

    def first_id(*names: str) -> str:
        # An immutable id may well be binary.
        return next((value.strip() for name in names for value in given(name) if value.strip()), "")

    return Identity(
        dn=entry.dn,
        unique_id=first_id(mapping.unique_id) if mapping.unique_id.strip() else first_id(*UNIQUE_IDS),
        usernames=tuple(name for name in values(mapping.username) if len(name) <= LONGEST_USERNAME),
        emails=values(mapping.email),
        first_name=first(mapping.first_name),
        last_name=first(mapping.last_name),
    )
