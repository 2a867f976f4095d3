"""Finds the attributes to request from a server: those that mapping and scripts may read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from directory.ldap.entry_identity import id_attributes
from directory.values.ldap import AttributeMapping
from directory.values.scripts import Scripts

# Scripts with more names are long tables of other data, and each entry would be compared with all of these names.
MOST = 300
# A word that can be the name of an attribute (RFC 4512, 2.5; with "_", as some servers have it): an identifier, or a
# part of a text or comment. Most words are no attributes, which does no harm: a server ignores names that it does not
# know (RFC 4511, 4.5.1.8). The sandbox finds names that are put together from parts, or written with escapes.
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# "memberCount-1" may be a difference or a name, so it counts as a name as well.
HYPHENATED = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[A-Za-z0-9_-]*")
# An attribute that a script reads: entry.mail, entry?.mail, entry["mail"]. These names come first, because the last
# ones of very many names are left out.
LOOKED_AT = re.compile(r"""\.\s*([A-Za-z][A-Za-z0-9_]*)|\[\s*["'`]([A-Za-z][A-Za-z0-9_-]*)(?:;[^"'`]*)?["'`]\s*\]""")
OBJECT_IDENTIFIER = re.compile(r"[0-9]+(?:\.[0-9]+)+")
# The name that requests no attribute at all (RFC 4511, 4.5.1.8).
NONE_AT_ALL = "1.1"


def needed(mapping: AttributeMapping, scripts: Scripts) -> tuple[str, ...] | None:
    """Return the names of the attributes to request; None if there are so many that all are requested.

    The names have no options: a request for ``cn`` returns ``cn;lang-de`` too, like a request for all attributes.
    """
    mapped, scripted = _names(mapping, scripts)
    return None if len(scripted) > MOST else (*mapped, *scripted)


def named(mapping: AttributeMapping, scripts: Scripts) -> tuple[str, ...]:
    """Return the names of the attributes whose absence from all entries is reported.

    If scripts have very many names, these are the first ones.
    """
    mapped, scripted = _names(mapping, scripts)
    return (*mapped, *scripted[:MOST])


def _names(mapping: AttributeMapping, scripts: Scripts) -> tuple[list[str], list[str]]:
    """Return the names in the mapping, and those that are only in the scripts."""
    names: dict[str, str] = {}
    for name in (*_of_mapping(mapping), "objectClass"):
        names.setdefault(name.lower(), name)
    mapped = len(names)
    texts = tuple(scripts.values())
    for name in (*chain.from_iterable(map(_looked_at, texts)), *chain.from_iterable(map(_of_script, texts))):
        names.setdefault(name.lower(), name)
    found = list(names.values())
    return found[:mapped], found[mapped:]


def _of_mapping(mapping: AttributeMapping) -> Iterator[str]:
    names = (mapping.username, mapping.email, mapping.first_name, mapping.last_name)
    for name in (*names, *id_attributes(mapping)):
        if bare := name.partition(";")[0].strip():
            yield bare


def _looked_at(text: str) -> Iterator[str]:
    for found in LOOKED_AT.finditer(text):
        yield found[1] or found[2]


def _of_script(text: str) -> Iterator[str]:
    for pattern in (WORD, HYPHENATED, OBJECT_IDENTIFIER):
        for name in pattern.findall(text):
            if name != NONE_AT_ALL:
                yield name
