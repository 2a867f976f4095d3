"""BER for tests: elements with lengths of every form, whole messages by pyasn1, and bytes that go wrong in every way we know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pyasn1_modules import rfc2251

from tests.fake_ldap import ENTRY, ENUMERATED, INTEGER, OCTETS, SEQUENCE, SET, element

Attributes = dict[str, list[bytes]]

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-;=0123456789", min_size=1, max_size=12)
ATTRIBUTES: st.SearchStrategy[Attributes] = st.dictionaries(
    NAMES, st.lists(st.binary(max_size=300), max_size=4), max_size=5
)
ENTRIES = st.tuples(st.text(st.characters(codec="utf-8"), max_size=200), ATTRIBUTES)
MESSAGE_IDS = st.integers(1, 2**31 - 1)
# How many octets a length has of its own; 0 is the shortest form there is.
FORMS = st.sampled_from([0, 0, 0, 1, 2, 3, 4])


def sized(tag: int, content: bytes, octets: int) -> bytes:
    """Return an element whose length has so many octets of its own, as Active Directory writes it with four (X.690, 8.1.3.5)."""
    if not octets or len(content) >= 1 << 8 * octets:
        return element(tag, content)
    return bytes([tag, 0x80 | octets]) + len(content).to_bytes(octets) + content


@st.composite
def entry_contents(draw: st.DrawFn) -> tuple[str, Attributes, bytes]:
    """Return a name, attributes, and what a SearchResultEntry with both holds, its lengths written in any form."""
    dn, attributes = draw(ENTRIES)

    def of(tag: int, content: bytes) -> bytes:
        return sized(tag, content, draw(FORMS))

    lists = b"".join(
        of(SEQUENCE, of(OCTETS, name.encode()) + of(SET, b"".join(of(OCTETS, value) for value in values)))
        for name, values in attributes.items()
    )
    return dn, attributes, of(OCTETS, dn.encode()) + of(SEQUENCE, lists)


@st.composite
def entry_messages(draw: st.DrawFn) -> tuple[int, bytes, bytes]:
    """Return a message id, the content of an entry, and the whole message, its lengths written in any form."""
    number, (_, _, content) = draw(MESSAGE_IDS), draw(entry_contents())
    octets = number.to_bytes(number.bit_length() // 8 + 1)
    body = sized(INTEGER, octets, draw(FORMS) if draw(st.booleans()) else 0) + sized(ENTRY, content, draw(FORMS))
    return number, content, sized(SEQUENCE, body, draw(FORMS))


def encoded(number: int, operation: str, **parts: Any) -> bytes:
    """Return a message as pyasn1 writes it, by RFC 2251's types; ``parts`` are the components of the operation."""
    message = rfc2251.LDAPMessage()
    message["messageID"] = number
    body = message["protocolOp"][operation]
    for name, value in parts.items():
        body[name] = value
    return bytes(encoder.encode(message))


def encoded_entry(number: int, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> bytes:
    """Return a SearchResultEntry as pyasn1 writes it."""
    message = rfc2251.LDAPMessage()
    message["messageID"] = number
    entry = message["protocolOp"]["searchResEntry"]
    entry["objectName"] = dn.encode()
    entry["attributes"].clear()
    for index, (name, values) in enumerate(attributes.items()):
        each = entry["attributes"][index]
        each["type"] = name.encode()
        each["vals"].clear()
        for place, value in enumerate(values):
            each["vals"][place] = value
    return bytes(encoder.encode(message))


def decoded(message: bytes) -> tuple[Any, bytes]:
    """Return a message as pyasn1 reads it, and what follows it; raises PyAsn1Error."""
    found, rest = decoder.decode(message, asn1Spec=rfc2251.LDAPMessage())
    return found, bytes(rest)


def attributes_by_pyasn1(content: bytes) -> tuple[str, Attributes]:
    """Return name and attributes of an entry with this content as pyasn1 reads them; raises PyAsn1Error."""
    found, _ = decoder.decode(element(ENTRY, content), asn1Spec=rfc2251.SearchResultEntry())
    attributes: Attributes = {}
    for each in found["attributes"]:
        name = bytes(each["type"]).decode(errors="backslashreplace")
        attributes.setdefault(name, []).extend(bytes(value) for value in each["vals"])
    return bytes(found["objectName"]).decode(errors="backslashreplace"), attributes


def result(code: int, matched: bytes = b"", words: bytes = b"") -> bytes:
    """Return what an LDAPResult holds (RFC 4511, 4.1.9)."""
    octets = code.to_bytes(code.bit_length() // 8 + 1, signed=True)
    return element(ENUMERATED, octets) + element(OCTETS, matched) + element(OCTETS, words)


# Lengths that say nothing, too much, or the same as shorter ones; indefinite; reserved (X.690, 8.1.3).
ODD_LENGTHS = st.sampled_from(
    [
        b"", b"\x00", b"\x7f", b"\x80", b"\x81", b"\x81\x00", b"\x81\xff", b"\x82\xff\xff", b"\x83\xff\xff\xff",
        b"\x84\x00\x00\x00\x00", b"\x84\x07\xff\xff\xff", b"\x84\x7f\xff\xff\xff", b"\x84\xff\xff\xff\xff",
        b"\x85\x00\x00\x00\x00\x01", b"\x88" + b"\xff" * 8, b"\xfe" + b"\xff" * 126, b"\xff",
    ]
)  # fmt: skip
TAGS = st.sampled_from(
    [0x00, 0x01, 0x02, 0x04, 0x0A, 0x1F, 0x24, 0x30, 0x31, 0x64, 0x65, 0x73, 0x78, 0x79, 0x7F, 0xA0, 0xFF]
)


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Return bytes that have been cut off, changed, doubled, or given another length, in one place or in several."""
    data = draw(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["cut", "octet", "length", "tag", "insert", "remove", "double"]))
        if kind == "cut":
            data = data[:at]
        elif kind == "octet":
            data = data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :]
        elif kind == "length":
            data = data[:at] + draw(ODD_LENGTHS) + data[at + 1 :]
        elif kind == "tag":
            data = data[:at] + bytes([draw(TAGS)]) + data[at + 1 :]
        elif kind == "insert":
            data = data[:at] + draw(st.binary(max_size=8)) + data[at:]
        elif kind == "remove":
            data = data[:at] + data[at + draw(st.integers(1, 8)) :]
        else:
            data = data[:at] + data
    return data


@st.composite
def nested(draw: st.DrawFn) -> bytes:
    """Return elements in elements, deeper than anything has to be that reads them."""
    tag, deep = draw(TAGS), draw(st.sampled_from([1, 2, 10, 1000, 5000]))
    if draw(st.booleans()):
        return bytes([tag, 0x80]) * deep + b"\x00\x00" * draw(st.sampled_from([0, deep]))
    data = b""
    for _ in range(min(deep, 1000)):
        data = element(tag, data)
    return data


def hostile(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return bytes that no decoder may stumble over, some of which have once been what is ``whole``."""
    headers = st.tuples(TAGS, ODD_LENGTHS, st.binary(max_size=20)).map(
        lambda each: bytes([each[0]]) + each[1] + each[2]
    )
    return st.one_of(
        st.binary(max_size=80),
        st.lists(headers, max_size=6).map(b"".join),
        nested(),
        damaged(whole),
        st.tuples(whole, damaged(whole)).map(b"".join),
    )
