"""Raw entries, as the server sent them; only changed entries are decoded, and these are few."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from directory.ldap.entry_identity import identity
from directory.ldap.errors import DirectoryUnavailable, plain
from directory.ldap.search.decoding import Decoder, decoder
from directory.ldap.transport.ber import Malformed, attributes_of
from directory.values.attribute_bits import NamedAttributes
from directory.values.group_graph import GroupGraph, names_of
from directory.values.ldap import AttributeMapping, Entry, Identity

Texts = Mapping[str, tuple[str, ...]]
GROUPS = "groups"
# An empty list of groups, as JSON.
NONE = "[]"


class DecodedEntry(NamedTuple):
    """One entry after decoding: its identity, by the server's mapping, and its attributes as JSON.

    ``named`` notes which of the attributes that mapping and scripts name the entry has.
    """

    identity: Identity
    attributes: str
    named: str = ""


class RawEntry(NamedTuple):
    """One entry; ``content`` is that of its SearchResultEntry, or the attributes if they came in several answers.

    ``digest`` is a hash of all that the server sent of the entry. ``decoded`` is set if the process that reads has
    decoded the entry; ``content`` is empty then.
    """

    dn: str
    digest: bytes
    content: bytes | Texts
    decoded: DecodedEntry | None = None


def decode(
    raw: RawEntry, mapping: AttributeMapping, named: NamedAttributes, graph: GroupGraph | None = None
) -> DecodedEntry:
    """Decode one entry; with a ``graph``, the groups that it is in are added to its attributes.

    Raises:
        DirectoryUnavailable: the entry can't be decoded.
    """
    texts = texts_of(raw)
    if graph is None:
        return DecodedEntry(identity(Entry(raw.dn, texts), mapping), json.dumps(texts), named.of(texts))
    texts = without_groups(texts)
    who, has = identity(Entry(raw.dn, texts), mapping), named.of(texts)
    listed = graph.groups_as_json(raw.dn, names_of(texts))
    attributes = json.dumps(texts)[:-1] + (", " if texts else "") + f'"{GROUPS}": {listed}}}'
    return DecodedEntry(who, attributes, has if listed == NONE else named.also(has, GROUPS))


def without_groups(texts: Texts) -> Texts:
    """Return attributes without the server's own ``groups``: scripts read the resolved groups under that name."""
    if any(len(name) == len(GROUPS) and name.lower() == GROUPS for name in texts):
        return {name: values for name, values in texts.items() if name.lower() != GROUPS}
    return texts


def decoded_pages(
    pages: Iterable[list[RawEntry]],
    mapping: AttributeMapping,
    named: NamedAttributes,
    graph: GroupGraph | None = None,
) -> Iterator[list[RawEntry]]:
    """Yield pages of decoded entries; raises as ``decode`` does."""
    for page in pages:
        yield [RawEntry(raw.dn, raw.digest, b"", decode(raw, mapping, named, graph)) for raw in page]


def as_entries(page: Iterable[RawEntry]) -> list[Entry]:
    """Return entries as text.

    Raises:
        DirectoryUnavailable: one of them can't be decoded.
    """
    return [Entry(raw.dn, texts_of(raw), raw.digest) for raw in page]


def texts_of(raw: RawEntry) -> Texts:
    """Return the attributes of one entry as text; raises as ``as_entries`` does."""
    if not isinstance(raw.content, bytes):
        return raw.content
    try:
        # Active Directory sends member without values beside member;range=0-1499.
        attributes = attributes_of(raw.content)
        return {name: texts for name, values in attributes.items() if (texts := _decoders[name](values))}
    except (Malformed, UnicodeError) as error:
        raise DirectoryUnavailable(f"the answer can't be read: {plain(raw.dn)}: {plain(str(error))}") from None


class Decoders(dict[str, Decoder]):
    """The decoder of each attribute, by the server's spelling."""

    def __missing__(self, name: str) -> Decoder:
        # Servers send few spellings; the limit is for one that does not.
        if len(self) > 10_000:
            self.clear()
        self[name] = decoder(name)
        return self[name]


_decoders = Decoders()
