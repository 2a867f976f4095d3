"""What LDAP messages say, whatever the bytes: entries are taken off as they are, and nothing that is cut off counts."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.transport import ber
from directory.ldap.transport.ber import Malformed
from tests.fake_ldap import ENTRY, OCTETS, SEARCH_DONE, SEQUENCE, SET, element

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-;=0123456789", min_size=1, max_size=12)
ATTRIBUTES = st.dictionaries(NAMES, st.lists(st.binary(max_size=300), max_size=4), max_size=5)
ENTRIES = st.lists(st.tuples(st.text(max_size=200), ATTRIBUTES), max_size=5)


def content(dn: str, attributes: dict[str, list[bytes]]) -> bytes:
    """Return what a SearchResultEntry holds (RFC 4511, 4.5.2)."""
    parts = b"".join(
        element(
            SEQUENCE,
            element(OCTETS, name.encode()) + element(SET, b"".join(element(OCTETS, value) for value in values)),
        )
        for name, values in attributes.items()
    )
    return element(OCTETS, dn.encode("utf-8", "replace")) + element(SEQUENCE, parts)


def message(number: int, tag: int, body: bytes) -> bytes:
    return element(SEQUENCE, element(0x02, number.to_bytes(3)) + element(tag, body))


@given(ENTRIES, st.integers(1, 2**23 - 1), st.integers(0, 400))
def test_all_that_is_whole_is_taken_and_the_rest_is_left(
    entries: list[tuple[str, dict[str, list[bytes]]]], number: int, cut: int
) -> None:
    bodies = [content(*entry) for entry in entries]
    done = message(number, SEARCH_DONE, b"\x0a\x01\x00\x04\x00\x04\x00")
    data = b"".join(message(number, ENTRY, body) for body in bodies) + done + message(number, ENTRY, b"x" * 300)[:cut]

    taken = ber.take(data)

    whole = bodies + ([b"x" * 300] if cut >= len(message(number, ENTRY, b"x" * 300)) else [])
    assert taken.entries == [(number, body) for body in whole]
    assert taken.others == [done]
    assert ber.message_id(done) == number
    assert not data[taken.rest :] or len(data) - taken.rest < max(taken.message_length, 8)


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was_written(entries: list[tuple[str, dict[str, list[bytes]]]]) -> None:
    bodies = [content(*entry) for entry in entries]

    assert ber.names_of(bodies) == [dn.encode("utf-8", "replace") for dn, _ in entries]
    assert [ber.attributes_of(body) for body in bodies] == [attributes for _, attributes in entries]


@given(st.text(max_size=20), ATTRIBUTES, st.data())
def test_an_entry_that_is_cut_off_is_refused(dn: str, attributes: dict[str, list[bytes]], data: st.DataObject) -> None:
    body = content(dn, attributes)

    with pytest.raises(Malformed):
        ber.attributes_of(body[: data.draw(st.integers(0, len(body) - 1))])


@given(st.text(max_size=20), ATTRIBUTES, st.data())
def test_an_entry_with_a_wrong_octet_is_read_or_refused(
    dn: str, attributes: dict[str, list[bytes]], data: st.DataObject
) -> None:
    body = bytearray(content(dn, attributes))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    with suppress(Malformed, UnicodeDecodeError):
        assert isinstance(ber.attributes_of(bytes(body)), dict)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_messages_are_refused_or_waited_for(data: bytes) -> None:
    try:
        taken = ber.take(data)
    except Malformed:
        return
    assert taken.rest <= len(data)


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request", b"\x30\x80\x00\x00\x00\x00", b"\x30\x84\xff\xff\xff\xff\x02"]
)
def test_what_is_no_ldap_or_much_too_long_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(Malformed):
        ber.take(data)
