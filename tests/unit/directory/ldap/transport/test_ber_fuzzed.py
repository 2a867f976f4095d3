"""Whatever bytes come, each decoder of LDAP returns what pyasn1 reads in them or refuses them as malformed, and stays small."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import namedtype, univ
from pyasn1_modules import rfc2251

from directory.ldap.transport import ber as ber_module
from directory.ldap.transport.ber import Malformed
from tests import ber
from tests.fake_ldap import ENTRY, EXTENDED_DONE, INTEGER, OCTETS, SEARCH_DONE, SEQUENCE, SET, element, packet

Decoder = Callable[[bytes], object]
DECODERS: dict[str, Decoder] = {
    "take": ber_module.take,
    "message_id": ber_module.message_id,
    "extended_result": ber_module.extended_result,
    "paging_of": ber_module.paging_of,
    "names_of": lambda data: ber_module.names_of([data]),
    "attributes_of": ber_module.attributes_of,
}
EVERY_DECODER = pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
# What a message may be full of: the least of each kind, and what never ends.
UNITS = (
    element(OCTETS, b""), element(OCTETS, b"ab"), element(SEQUENCE, b""), element(SEQUENCE, element(INTEGER, b"\1")),
    element(SEQUENCE, element(OCTETS, b"") + element(SET, b"")), packet(b"\1", SEARCH_DONE, b""),
    packet(b"\1", ENTRY, b""), packet(b"\1", ENTRY, b"x"), b"\x30\x80", b"\x24\x80", b"\x00\x00",
)  # fmt: skip
LARGE = 60_000
PAGING = st.tuples(st.integers(0, 2**31 - 1), st.binary(max_size=300))
WORDS = st.text(st.characters(codec="utf-8"), max_size=40).map(str.encode)
WHOLE = st.one_of(
    ber.entry_messages().map(lambda each: each[2]),
    ber.entry_contents().map(lambda each: each[2]),
    st.builds(
        lambda number, code, words: packet(number.to_bytes(4), EXTENDED_DONE, ber.result(code, words=words)),
        ber.MESSAGE_IDS,
        st.integers(0, 90),
        WORDS,
    ),
    PAGING.map(lambda each: paging(*each)),
)


class PagingValue(univ.Sequence):  # type: ignore[misc]
    """The value of the paging control (RFC 2696, 2), for pyasn1."""

    componentType = namedtype.NamedTypes(  # noqa: N815 - pyasn1's name
        namedtype.NamedType("size", univ.Integer()), namedtype.NamedType("cookie", univ.OctetString())
    )


def paging(size: int, cookie: bytes) -> bytes:
    value = PagingValue()
    value["size"], value["cookie"] = size, cookie
    return bytes(encoder.encode(value))


class TestWhateverComes:
    @EVERY_DECODER
    @given(data=ber.hostile(WHOLE))
    def test_is_read_or_refused(self, decode: Decoder, data: bytes) -> None:
        with suppress(Malformed):
            decode(data)

    @given(data=ber.hostile(ber.entry_messages().map(lambda each: each[2])))
    def test_is_taken_from_the_beginning_on_without_a_gap(self, data: bytes) -> None:
        try:
            taken = ber_module.take(data)
        except Malformed:
            return
        assert 0 <= taken.rest <= len(data)
        assert sum(map(len, taken.others)) + sum(len(content) for _, content in taken.entries) <= taken.rest
        # It is known how much to wait for as soon as the header is there, and that is more than has come.
        assert (
            not taken.message_length or len(data) - taken.rest < taken.message_length <= ber_module.LONGEST_MESSAGE + 6
        )

    @given(ber.hostile(ber.entry_contents().map(lambda each: each[2])))
    def test_no_attribute_is_read_otherwise_than_by_pyasn1(self, data: bytes) -> None:
        try:
            found = ber_module.names_of([data])[0].decode(errors="backslashreplace"), ber_module.attributes_of(data)
        except Malformed:
            return
        try:
            assert found == ber.attributes_by_pyasn1(data)
        except PyAsn1Error:
            # Parts that follow the last known one are to be left aside (RFC 4511, 4), which pyasn1 does not.
            _, after_name = ber_module.element(data, 0, len(data))
            _, end = ber_module.element(data, after_name, len(data))
            assert end < len(data)
            assert found == ber.attributes_by_pyasn1(data[:end])

    @EVERY_DECODER
    @pytest.mark.parametrize("inside", ["alone", "message", "entry", "values", "paging"])
    def test_in_great_numbers_takes_no_more_than_it_is_worth(self, decode: Decoder, inside: str) -> None:
        for unit in UNITS:
            many = unit * (LARGE // len(unit))
            data = {
                "alone": many,
                "message": packet(b"\1", EXTENDED_DONE, many),
                "entry": element(OCTETS, b"cn=x") + element(SEQUENCE, many),
                "values": element(OCTETS, b"cn=x")
                + element(SEQUENCE, element(SEQUENCE, element(OCTETS, b"a") + element(SET, many))),
                "paging": element(SEQUENCE, many),
            }[inside]
            seconds, peak = cost(decode, data)

            # A value of two octets is an object of 35 in Python, with eight in its list; nothing is worse by much.
            assert peak < 40 * len(data), unit
            assert seconds < 2, unit


def cost(decode: Decoder, data: bytes) -> tuple[float, int]:
    """Return how many seconds of computing and how many bytes at most it takes to read or refuse this."""
    tracemalloc.start()
    began = time.process_time()
    try:
        decode(data)
    except Malformed:
        pass
    finally:
        seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return seconds, peak


class TestBesidePyasn1:
    @given(ber.MESSAGE_IDS, ber.ENTRIES)
    def test_an_entry_that_pyasn1_wrote_is_read(self, number: int, entry: tuple[str, ber.Attributes]) -> None:
        dn, attributes = entry

        taken = ber_module.take(ber.encoded_entry(number, dn, attributes))

        assert [of for of, _ in taken.entries] == [number]
        assert ber_module.names_of([taken.entries[0][1]]) == [dn.encode()]
        assert ber_module.attributes_of(taken.entries[0][1]) == attributes

    @given(ber.entry_messages())
    def test_a_message_with_lengths_of_any_form_is_read_alike(self, message: tuple[int, bytes, bytes]) -> None:
        number, content, data = message
        by_pyasn1, rest = ber.decoded(data)

        # Ours takes ids of one octet of length only, as everybody sends them.
        try:
            taken = ber_module.take(data)
        except Malformed:
            assert any(data[at] == INTEGER and data[at + 1] > 4 for at in range(8))
            return

        assert (taken.entries, taken.others, rest) == ([(number, content)], [], b"")
        assert int(by_pyasn1["messageID"]) == number
        assert ber.attributes_by_pyasn1(content)[1] == ber_module.attributes_of(content)

    @given(ber.entry_contents())
    def test_an_entry_with_lengths_of_any_form_is_read_alike(self, entry: tuple[str, ber.Attributes, bytes]) -> None:
        dn, attributes, content = entry

        assert ber_module.names_of([content]) == [dn.encode()]
        assert ber_module.attributes_of(content) == attributes
        assert ber.attributes_by_pyasn1(content) == (dn, attributes)

    @given(ber.MESSAGE_IDS, st.sampled_from([0, 1, 2, 10, 32, 49, 52, 80]), WORDS, WORDS)
    def test_an_extended_result_that_pyasn1_wrote_is_read(
        self, number: int, code: int, matched: bytes, words: bytes
    ) -> None:
        message = ber.encoded(number, "extendedResp", resultCode=code, matchedDN=matched, errorMessage=words)

        assert ber_module.extended_result(message) == (number, code, words)
        assert ber_module.take(message).others == [message]
        assert ber_module.message_id(message) == number

    @given(st.integers(0, 2**31 - 1), st.binary(max_size=300))
    def test_a_paging_value_that_pyasn1_wrote_is_read(self, size: int, cookie: bytes) -> None:
        assert ber_module.paging_of(paging(size, cookie)) == (size, cookie)

    @given(ber.MESSAGE_IDS, st.lists(WORDS, min_size=1, max_size=4))
    def test_a_reference_goes_to_libldap_as_it_is(self, number: int, urls: list[bytes]) -> None:
        message = rfc2251.LDAPMessage()
        message["messageID"] = number
        for index, url in enumerate(urls):
            message["protocolOp"]["searchResRef"][index] = url
        data = bytes(encoder.encode(message))

        assert ber_module.take(data + data).others == [data, data]
        assert ber_module.message_id(data) == number


class TestRefused:
    @given(ber.entry_contents(), st.data())
    def test_is_an_entry_with_another_tag_anywhere(
        self, entry: tuple[str, ber.Attributes, bytes], data: st.DataObject
    ) -> None:
        _, _, content = entry
        tags = _tags(content, 0, len(content))
        at = data.draw(st.sampled_from(tags))
        other = data.draw(st.integers(0, 255).filter(lambda tag: tag != content[at]))

        with pytest.raises(Malformed):
            read(content[:at] + bytes([other]) + content[at + 1 :])

    @pytest.mark.parametrize(
        "data", [b"", b"\x30", b"\x04", b"\x04\x80", b"\x04\x00\x30\x80\x00\x00", b"\x04\x85\0\0\0\0\0"]
    )
    def test_is_an_entry_without_an_end(self, data: bytes) -> None:
        with pytest.raises(Malformed):
            ber_module.attributes_of(data)

    @pytest.mark.parametrize("value", [
        b"", b"\x30", b"\x30\x00", b"\x30\x80\x02\x01\x00\x04\x00\x00\x00", b"\x30\x04\x02\x00\x04\x00",
        b"\x30\x03\x02\x01\x00", b"\x30\x09\x02\x05\x01\x00\x00\x00\x00\x04\x00", b"\x31\x05\x02\x01\x00\x04\x00",
        b"\x30\x05\x02\x01\x00\x30\x00", b"\x30\x05\x02\x01\x00\x04\x01",
    ], ids=lambda value: value.hex())  # fmt: skip
    def test_is_a_paging_value_that_leads_nowhere(self, value: bytes) -> None:
        with pytest.raises(Malformed):
            ber_module.paging_of(value)

    @pytest.mark.parametrize("number", [b"", b"\0\0\0\0\1"], ids=["no octet", "five octets"])
    def test_is_a_message_with_no_number(self, number: bytes) -> None:
        with pytest.raises(Malformed):
            ber_module.take(packet(number, SEARCH_DONE, ber.result(0)))


def read(content: bytes) -> tuple[bytes, ber.Attributes]:
    """Return name and attributes of one entry."""
    return ber_module.names_of([content])[0], ber_module.attributes_of(content)


def _tags(data: bytes, at: int, end: int) -> list[int]:
    """Return where the tags are of all elements, of those inside of them too."""
    found = []
    while at < end:
        found.append(at)
        first, last = ber_module.element(data, at, end)
        if data[at] in {SEQUENCE, SET}:
            found += _tags(data, first, last)
        at = last
    return found
