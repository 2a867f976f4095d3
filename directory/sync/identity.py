"""Who an entry is, by the attribute mapping of its server."""

from __future__ import annotations

from directory.sync.values import AttributeMapping, Encoded, Entry, Identity

LONGEST_USERNAME = 255
# Identifiers that servers give and never change, the most common first.
UNIQUE_IDS = ("entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID", "GUID", "ibm-entryUuid", "orclGuid")


def is_unique_everywhere(mapping: AttributeMapping) -> bool:
    """Tell whether the immutable id is one that servers make unique in the world, not a number of the company's own."""
    chosen = mapping.unique_id.strip().lower()
    return not chosen or chosen in {name.lower() for name in UNIQUE_IDS}


def identity(entry: Entry, mapping: AttributeMapping) -> Identity:
    """Return what the mapped attributes say, trimmed; what an entry does not have, or what is no text, is empty."""
    folded = {name.lower(): values for name, values in entry.attributes.items()}

    def given(name: str) -> tuple[str, ...]:
        return folded.get(name.strip().lower(), ())

    def values(name: str) -> tuple[str, ...]:
        trimmed = (value.strip() for value in given(name) if not isinstance(value, Encoded))
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
