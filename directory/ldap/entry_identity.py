"""Finds an entry's identity by the attribute mapping of its server, and compares its immutable ids with known ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import IntFlag
from functools import lru_cache

from directory.values import distinguished_names
from directory.values.ldap import AttributeMapping, Encoded, Entry, Identity, IdKey
from orgs.text import fold

LONGEST_USERNAME = 255
# A longer value is no id: cut off, two people could have the same id, and a directory can't be searched for a hash.
LONGEST_ID = 255
# Cached, because a few spellings of attributes stand in many entries.
_lower = lru_cache(maxsize=4096)(str.lower)
# Attributes with identifiers that servers give and never change, the most common first.
UNIQUE_IDS = ("entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID", "GUID", "ibm-entryUuid", "orclGuid")
_UNIQUE_IDS = tuple(name.lower() for name in UNIQUE_IDS)
# Separates the attribute and the value of a company's own number. No identifier of a server contains it.
_OF = ": "


class Trait(IntFlag):
    """What is unusual about an entry's identity; most entries have one id and a username, and no trait."""

    NO_USERNAME = 1
    NO_ID = 2
    LONG_ID = 4
    SEVERAL_IDS = 8
    NOT_TEXT = 16


def traits(who: Identity) -> Trait:
    """Return the traits of an identity."""
    found = Trait(0)
    if not who.usernames:
        found |= Trait.NO_USERNAME
    if not who.unique_id:
        found |= Trait.NO_ID
    if who.long_id:
        found |= Trait.LONG_ID
    if who.further_ids:
        found |= Trait.SEVERAL_IDS
    if who.not_text:
        found |= Trait.NOT_TEXT
    return found


def called(name: str) -> Callable[[str, Iterable[str]], bool]:
    """Return a check by DN and usernames of an entry: does it have this name, a DN in any spelling or a username?"""
    username, dn = fold(name), distinguished_names.key(name) if distinguished_names.parsed(name) else ""
    return lambda own, usernames: username in map(fold, usernames) or bool(dn and distinguished_names.key(own) == dn)


def own_attribute(mapping: AttributeMapping) -> str:
    """Return the folded attribute of a company's own numbers, unique on one server only; empty if none is set."""
    chosen = mapping.unique_id.strip().lower()
    return "" if chosen in _UNIQUE_IDS else chosen


def id_attributes(mapping: AttributeMapping) -> tuple[str, ...]:
    """Return all attributes that may hold an immutable id, the mapped one first."""
    chosen = mapping.unique_id.strip()
    return tuple({name.lower(): name for name in (chosen, *UNIQUE_IDS) if name}.values())


def parts_of_id(unique_id: str) -> tuple[str, str]:
    """Return attribute and value of a company's own number; for any other id the attribute is empty."""
    attribute, of, value = unique_id.partition(_OF)
    return (attribute, value) if of else ("", unique_id)


def id_key(unique_id: str, server_id: int | None) -> IdKey:
    """Return an id with the server where it counts; a company's own number counts on one, any other id on all (0)."""
    return unique_id, (server_id or 0) if _OF in unique_id else 0


def counts_on(server_id: int, unique_id: str, noted_on: int | None) -> bool:
    """Return whether an id that was noted on one server also counts for an entry of this server."""
    return noted_on == server_id or _OF not in unique_id


def is_theirs(who: Identity, server_id: int, known: Collection[IdKey]) -> bool:
    """Return whether an entry has one of a user's ``known`` ids.

    If the company's own number is mapped, an entry with another number is another person's, even if another id is
    equal: some servers make their identifiers anew, or from the DN.
    """
    for unique_id in who.ids:
        key = id_key(unique_id, server_id)
        if key in known:
            return True
        if key[1] and any(_alike(key, other) for other in known):
            return False
    return False


def _alike(key: IdKey, other: IdKey) -> bool:
    """Return whether two numbers are of the same attribute of the same server."""
    return key[1] == other[1] and parts_of_id(key[0])[0] == parts_of_id(other[0])[0]


def identity(entry: Entry, mapping: AttributeMapping) -> Identity:
    """Return the trimmed values of the mapped attributes; a value that is absent, or not text, is empty."""
    folded = {_lower(name): values for name, values in entry.attributes.items()}

    # One element for each value that is not text.
    odd: list[str] = []

    def given(name: str) -> tuple[str, ...]:
        return folded.get(_lower(name.strip()), ())

    def values(name: str) -> tuple[str, ...]:
        found = given(name)
        if len(found) == 1 and type(found[0]) is str and (only := found[0].strip()):
            return (only,)
        if not found:
            return ()
        texts = [value for value in found if not isinstance(value, Encoded)]
        odd.extend(found[len(texts) :])
        trimmed = (value.strip() for value in texts)
        return tuple(dict.fromkeys(filter(None, trimmed)))

    def first(*names: str) -> str:
        return next((value for name in names for value in values(name)), "")

    ids, long_id = _ids(folded, mapping)
    return Identity(
        dn=entry.dn,
        unique_id=ids[0] if ids else "",
        usernames=tuple(name for name in values(mapping.username) if len(name) <= LONGEST_USERNAME),
        emails=values(mapping.email),
        first_name=first(mapping.first_name),
        last_name=first(mapping.last_name),
        further_ids=tuple(ids[1:]),
        long_id=long_id,
        not_text=bool(odd),
    )


@lru_cache(maxsize=256)
def _folded_id_attributes(chosen: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (chosen.strip().lower(), *_UNIQUE_IDS) if name))


def _ids(folded: Mapping[str, tuple[str, ...]], mapping: AttributeMapping) -> tuple[list[str], bool]:
    """Return the ids of an entry, that of the mapped attribute first, and whether one was too long.

    A company's own number includes the name of its attribute: in another attribute it may be another person's.
    """
    found: list[str] = []
    long_id = False
    for name in _folded_id_attributes(mapping.unique_id):
        if name not in folded:
            continue
        # Unlike other attributes, an immutable id may be binary.
        value = next((value.strip() for value in folded[name] if value.strip()), "")
        text = value if name in _UNIQUE_IDS or not value else f"{name}{_OF}{value}"
        if len(text) > LONGEST_ID:
            long_id = True
        elif text and text not in found:
            found.append(text)
    return found, long_id
