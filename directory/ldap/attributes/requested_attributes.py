"""Finds the attributes to request from a server: all that mapping and scripts may read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from directory.ldap.identity import id_attributes
from directory.values.ldap import AttributeMapping
from directory.values.scripts import Scripts

# Scripts that name more are long tables of something else, and each entry would be compared with all of it.
MOST = 300
# What can be the name of an attribute (RFC 4512, 2.5; with "_", as some servers have it), wherever it stands: as an
# identifier, in a text, in a comment. Most are none, which does no harm: a server leaves out what it does not know
# (RFC 4511, 4.5.1.8). What is put together from parts, or written with escapes, is for the sandbox to find.
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# "memberCount-1" is a difference or a name.
HYPHENATED = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[A-Za-z0-9_-]*")
# Where an attribute is looked at: entry.mail, entry?.mail, entry["mail"]. These come first, as of very many names the
# rest is left out.
LOOKED_AT = re.compile(r"""\.\s*([A-Za-z][A-Za-z0-9_]*)|\[\s*["'`]([A-Za-z][A-Za-z0-9_-]*)(?:;[^"'`]*)?["'`]\s*\]""")
OBJECT_IDENTIFIER = re.compile(r"[0-9]+(?:\.[0-9]+)+")
# It asks for no attribute at all.
NONE_AT_ALL = "1.1"


def needed(mapping: AttributeMapping, scripts: Scripts) -> tuple[str, ...] | None:
    """Return the names of the attributes to request; None where there are so many that all are requested.

    They are without options: whoever asks for ``cn`` gets ``cn;lang-de`` too, as with all attributes.
    """
    mapped, scripted = _names(mapping, scripts)
    return None if len(scripted) > MOST else (*mapped, *scripted)


def named(mapping: AttributeMapping, scripts: Scripts) -> tuple[str, ...]:
    """Return the names of the attributes whose absence from all entries is reported.

    Of scripts that name very many these are the first ones.
    """
    mapped, scripted = _names(mapping, scripts)
    return (*mapped, *scripted[:MOST])


def _names(mapping: AttributeMapping, scripts: Scripts) -> tuple[list[str], list[str]]:
    """Return the names that stand in the mapping, and those that stand in the scripts only."""
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
