import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.search.decoding import decoder, guid_of, sid_of, text_of, values_of
from directory.ldap.search.search import RANGED
from directory.ldap.url import check_url
from directory.ldap.validation.filter_syntax import check_filter


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


GOOD_FILTERS = [
    "(objectClass=person)", "(cn=*)", "(cn=a*b*c)", "(&(objectClass=user)(!(cn=x)))", "(|(a=1)(b=2)(c=3))", "(&)",
    "(cn=)", r"(cn=a\28b\29\2a\5c)", "(userAccountControl:1.2.840.113556.1.4.803:=2)", "(cn:dn:=x)", "(:caseExactMatch:=x)",
    "(2.5.4.3=x)", "(cn;lang-de=x)", "(a>=1)", "(a<=1)", "(a~=1)", "(cn=Zoë)", "(& (a=1)\n  (b=2) )", "(! (a=1))",
]  # fmt: skip
BAD_FILTERS = [
    "(a=1", "(a=1))", "a=1", "()", "(&(a=1)", "((a=1))", "(=x)", "(a b=1)", r"(a=\zz)", "(a=\\", "(a=(b)", "(!(a=1)(b=2))",
    "(!)", "(a)", "(:=x)", "(a=\0)", "(a=\udc80)", "(a>=*)", "(a=**)", "(a=1)(b=2)", "", "   ", "(" * 500, "(!" * 500 + "(a=1)",
]  # fmt: skip


class TestCheckFilter:
    @pytest.mark.parametrize("text", GOOD_FILTERS)
    def test_accepts_what_rfc_4515_allows(self, text: str) -> None:
        assert check_filter(text) is None

    @pytest.mark.parametrize("text", BAD_FILTERS)
    def test_explains_what_is_wrong(self, text: str) -> None:
        assert check_filter(text)

    def test_names_the_position_as_people_count(self) -> None:
        assert check_filter("(&(a=1)(b=2)") == "Position 13: a closing parenthesis is expected"

    @given(st.text(alphabet="()&|!=*\\<>~: abdn12;"))
    def test_never_fails(self, text: str) -> None:
        assert check_filter(text) is None or isinstance(check_filter(text), str)

    @given(
        st.recursive(
            st.sampled_from(["(a=1)", "(cn=*x*)", "(b>=2)"]),
            lambda inner: (
                st.builds(lambda sign, parts: f"({sign}{''.join(parts)})", st.sampled_from("&|"), st.lists(inner))
                | inner.map(lambda part: f"(!{part})")
            ),
            max_leaves=20,
        )
    )
    def test_accepts_every_nesting_and_refuses_it_without_its_end(self, text: str) -> None:
        assert check_filter(text) is None
        assert check_filter(text[:-1])


class TestCheckUrl:
    @pytest.mark.parametrize(
        "url", ["ldap://dc1", "LDAPS://dc1.example.com:3269", "ldap://10.0.0.1:389/", "ldap://[::1]:389"]
    )
    def test_accepts_one_server(self, url: str) -> None:
        assert check_url(url) is None

    @pytest.mark.parametrize(
        "url",
        [
            "", "dc1", "http://dc1", "ldapi:///", "ldapi://%2ftmp%2fldapi", "cldap://dc1", "file:///etc/passwd", "ldap://",
            "ldap:///dc=example", "ldap://dc1/dc=example", "ldap://dc1//", "ldap://dc1 ldap://dc2", "ldap://dc1,ldap://dc2",
            " ldap://dc1", "ldap://dc1\n", "ldap://user@dc1", "ldap://dc1:0", "ldap://dc1:70000", "ldap://dc1:ldap",
            "ldap://dc1?cn", "ldap://dc1:389:636", "ldap://dc%31", "ldap://-dc1",
        ],
    )  # fmt: skip
    def test_refuses_everything_else(self, url: str) -> None:
        assert check_url(url)


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
