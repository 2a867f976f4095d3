"""Values as directories send them, as text: GUIDs, SIDs, bytes; passwords never."""

from __future__ import annotations

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.search.decoding import decoder, guid_of, sid_of, text_of, values_of
from directory.ldap.search.search import RANGED


class TestTextOf:
    @pytest.mark.parametrize("text", ["Zoë", "line one\nline two\ttab", "名前", "", " spaces kept ", "a\u00a0b"])
    def test_keeps_text(self, text: str) -> None:
        assert text_of(text.encode()) == text

    @pytest.mark.parametrize("value", [b"\xff\xfe", b"caf\xe9", b"a\x00b", b"\x01\x02", b"\xed\xa0\x80"])
    def test_gives_base64_for_what_is_no_text(self, value: bytes) -> None:
        assert base64.b64decode(text_of(value)) == value

    @given(st.binary())
    def test_never_fails_nor_lets_nul_through(self, value: bytes) -> None:
        assert "\0" not in text_of(value)

    @given(st.lists(st.binary()))
    def test_is_the_same_for_one_value_as_for_many(self, values: list[bytes]) -> None:
        assert decoder("description")(values) == tuple(text_of(value) for value in values)


class TestGuid:
    def test_has_active_directorys_mixed_byte_order(self) -> None:
        value = bytes.fromhex("04030201060508070910111213141516")

        assert guid_of(value) == "01020304-0506-0708-0910-111213141516"

    def test_stays_when_the_server_sends_text(self) -> None:
        text = "8d9c3f2e-5a1b-4c7d-9e8f-0a1b2c3d4e5f"

        assert decoder("objectGUID")([text.encode()]) == (text,)

    def test_of_edirectory_has_its_bytes_in_order(self) -> None:
        assert decoder("GUID")([bytes(range(16))]) == ("00010203-0405-0607-0809-0a0b0c0d0e0f",)

    @given(st.uuids())
    def test_is_the_guid_that_was_stored(self, guid: uuid.UUID) -> None:
        assert guid_of(guid.bytes_le) == str(guid)


class TestSid:
    def test_has_its_usual_form(self) -> None:
        value = bytes.fromhex("010500000000000515000000dcf4dc3b833d2b46828ba628e8030000")

        assert sid_of(value) == "S-1-5-21-1004336348-1177238915-682003330-1000"

    def test_stays_when_the_server_sends_text(self) -> None:
        assert sid_of(b"S-1-5-32-544") == "S-1-5-32-544"

    @given(st.lists(st.integers(0, 2**32 - 1), max_size=15), st.integers(0, 2**48 - 1))
    def test_names_every_part(self, parts: list[int], authority: int) -> None:
        packed = b"".join(part.to_bytes(4, "little") for part in parts)

        text = sid_of(bytes([1, len(parts)]) + authority.to_bytes(6, "big") + packed)

        assert text.split("-") == ["S", "1", str(authority), *map(str, parts)]

    @given(st.binary(max_size=40))
    def test_never_fails(self, value: bytes) -> None:
        assert isinstance(sid_of(value), str)


class TestDecoder:
    @pytest.mark.parametrize("name", ["jpegPhoto", "userCertificate;binary", "THUMBNAILPHOTO", "mS-DS-ConsistencyGuid"])
    def test_gives_base64_for_what_is_known_as_binary_even_if_it_reads_as_text(self, name: str) -> None:
        assert decoder(name)([b"abc"]) == ("YWJj",)

    @pytest.mark.parametrize("name", ["userPassword", "unicodePwd", "ms-Mcs-AdmPwd", "userpassword;lang-en"])
    def test_gives_no_passwords(self, name: str) -> None:
        assert decoder(name)([b"{SSHA}secret"]) == ()


class TestRanged:
    def test_tells_the_attribute_and_how_far_it_goes(self) -> None:
        found = RANGED.fullmatch("memberOf;range=0-1499")

        assert found
        assert found.groups() == ("memberOf", "0", "1499")

    def test_knows_the_last_part(self) -> None:
        found = RANGED.fullmatch("member;Range=1500-*")

        assert found
        assert found["last"] == "*"

    @pytest.mark.parametrize("name", ["member", "member;range=", "member;range=1", "cn;lang-en", ";range=0-1"])
    def test_is_nothing_else(self, name: str) -> None:
        assert RANGED.fullmatch(name) is None


class TestValuesOf:
    @pytest.mark.parametrize("name", ["objectGUID", "GUID", "objectSid", "thumbnailPhoto", "cn"])
    def test_give_back_what_the_decoder_took(self, name: str) -> None:
        value = bytes([1, 2, 0, 0, 0, 0, 0, 5]) + bytes(range(8)) if name != "cn" else "Zoë".encode()

        [text] = decoder(name)([value])
        back = [found.encode() if isinstance(found, str) else found for found in values_of(name, text)]

        assert value in back

    @pytest.mark.parametrize(
        ("name", "text"),
        [("objectGUID", "jane"), ("GUID", ""), ("objectSid", "S-1-5-99999999999"), ("objectSid", "x"), ("photo", "é")],
    )
    def test_are_the_text_itself_where_nothing_else_makes_it(self, name: str, text: str) -> None:
        assert values_of(name, text) == [text]
