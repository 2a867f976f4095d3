"""DNs compared as a directory compares them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from directory.values import distinguished_names
from orgs.text import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("uid=ann,ou=Staff,dc=example", "UID=Ann, OU=staff ,DC=EXAMPLE"),
        ("cn=Doe\\, Jane,dc=example", "cn=Doe\\2C Jane,dc=example"),
        ("cn=Ren\\C3\\A9e,dc=example", "cn=Renée,dc=example"),
        ("cn=a+uid=b,dc=example", "uid=B+CN=a,dc=example"),
        ("ou=a  b,dc=example", "2.5.4.11=A b,0.9.2342.19200300.100.1.25=example"),
        ("", " "),
    ],
)
def test_two_spellings_of_one_dn_are_the_same(one: str, other: str) -> None:
    assert distinguished_names.same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=a\\,b,dc=example", "cn=a,b=,dc=example"),
        ("cn=Ren\\E9e,dc=example", "cn=Renée,dc=example"),
        ("ou=Staff,dc=example", "cn=Staff,dc=example"),
        ("dc=example", "ou=Staff,dc=example"),
        ("no dn", "no dn"),
    ],
)
def test_two_dns_are_not(one: str, other: str) -> None:
    assert not distinguished_names.same(one, other)


@pytest.mark.parametrize(
    ("dn", "above"),
    [("uid=a,ou=b,dc=c", "ou=b,dc=c"), ("cn=Doe\\, Jane, ou=b", "ou=b"), ("cn=x\\\\,ou=b", "ou=b"), ("dc=c", "")],
)
def test_the_parent_begins_after_the_first_comma_that_separates(dn: str, above: str) -> None:
    assert distinguished_names.parent(dn) == above


@pytest.mark.parametrize(
    ("top", "dn", "child"),
    [
        ("DC=c", "uid=a,ou=b,dc=c", "ou=b,dc=c"),
        ("ou=b, dc=c", "uid=a,ou=b,dc=c", "uid=a,ou=b,dc=c"),
        ("ou=x,dc=c", "uid=a,ou=b,dc=c", ""),
        ("uid=a,ou=b,dc=c", "uid=a,ou=b,dc=c", ""),
        ("", "uid=a,dc=c", ""),
    ],
)
def test_the_child_on_the_way_is_directly_below_the_top(top: str, dn: str, child: str) -> None:
    assert distinguished_names.child_on_the_way(top, dn) == child


TYPES = [
    "cn",
    "CN ",
    " commonName",
    "oid.2.5.4.3",
    "2.5.4.3",
    "ou",
    "UID",
    "dc",
    "domainComponent",
    "x",
    "",
    "oid.",
    "c\\,n",
]
PIECES = [
    *("a", "B", "b", " ", "  ", "#", ";", "=", "'", "é", "É", "e\u0301", "ß", "ss", "\u212a", "\u00a0"),
    # Signs that separate only where they are not escaped, and those that folding makes of others.
    *(
        "\\,",
        "\\2C",
        "\\2c",
        "\\+",
        "\\2B",
        "\\\\",
        "\\5c",
        "\\=",
        "\\3D",
        "\\ ",
        "\\20",
        '\\"',
        "\uff0c",
        "\uff0b",
        "\uff3c",
        "\uff1d",
    ),
    # Octets that are text, and octets that are none.
    *("\\C3\\A9", "\\c3\\89", "\\C3", "\\A9", "\\E9", "\\FF", "\\00", "\\4a", "\\"),
]
VALUES = st.lists(st.sampled_from(PIECES), max_size=4).map("".join) | st.text(max_size=4)
PARTS = st.builds("{}={}".format, st.sampled_from(TYPES), VALUES) | VALUES
RDNS = st.lists(PARTS, min_size=1, max_size=3).map("+".join)
DNS = st.lists(RDNS, max_size=3).map(",".join)


def read_slowly(dn: str) -> list[set[tuple[str, str]]] | None:
    """Return the parts of a DN, sign by sign as RFC 4514 has them; None where it is none."""
    if not dn.strip():
        return []
    found = [{pair(part) for part in split(rdn, "+")} for rdn in split(dn, ",")]
    return None if any(not kind for rdn in found for kind, _ in rdn) else found


def pair(part: str) -> tuple[str, str]:
    kind, equals, value = part.partition("=")
    kind = kind.strip().lower().removeprefix("oid.")
    long = {"commonname": "cn", "2.5.4.3": "cn", "domaincomponent": "dc"}
    return long.get(kind, kind) if equals else "", fold(unescape(value))


def unescape(value: str) -> str:
    octets, rest = b"", value
    while rest:
        size = 1
        if rest[0] == "\\" and len(rest) > 2 and all(sign in "0123456789abcdefABCDEF" for sign in rest[1:3]):
            octets += bytes.fromhex(rest[1:3])
            size = 3
        elif rest[0] == "\\" and len(rest) > 1:
            octets += rest[1].encode()
            size = 2
        else:
            octets += rest[0].encode()
        rest = rest[size:]
    return octets.decode(errors="surrogateescape")


def split(text: str, separator: str) -> list[str]:
    parts, escaped = [""], False
    for sign in text:
        if sign == separator and not escaped:
            parts.append("")
        else:
            parts[-1] += sign
        escaped = sign == "\\" and not escaped
    return parts


@given(DNS, DNS)
@example("cn=a\uff0cou=b,dc=x", "cn=a,ou=b,dc=x")
@example("cn=a\uff0bou=b", "cn=a+ou=b")
@example("cn=a\\", "cn=a")
@example("cn=a,", "cn=a")
@example("cn\\3Da", "cn=a")
@example("cn=a+cn=A", "cn=a")
@example("oid.=a", "=a")
@example("+", "")
def test_keys_are_equal_for_the_spellings_of_one_dn_and_for_no_other(one: str, other: str) -> None:
    left, right = read_slowly(one), read_slowly(other)
    equal = distinguished_names.key(one) == distinguished_names.key(other)

    if left is not None or right is not None:
        assert equal == (left == right)
    assert distinguished_names.same(one, other) == (left is not None and left == right)
    assert distinguished_names.parsed(one) == (None if left is None else tuple(map(frozenset, left)))


@given(RDNS, DNS)
def test_another_spelling_has_the_same_key(rdn: str, above: str) -> None:
    spelled = f"{rdn},{above}"
    otherwise = f" {'+'.join(reversed(split(rdn, '+')))} , {above}"

    if read_slowly(spelled) and len(split(rdn, ",")) == 1 and not rdn.endswith("\\"):
        assert (
            distinguished_names.key(spelled)
            == distinguished_names.key(otherwise)
            == distinguished_names.Keys()[otherwise]
        )


@given(DNS, DNS)
def test_a_key_is_within_another_where_the_dn_is(dn: str, top: str) -> None:
    whole, above = read_slowly(dn), read_slowly(top)

    if whole and above:
        inside = whole[-len(above) :] == above
        assert (
            distinguished_names.is_within(dn, top)
            == distinguished_names.key_is_within(distinguished_names.key(dn), distinguished_names.key(top))
            == inside
        )
    else:
        assert not distinguished_names.is_within(dn, top)


def test_a_comma_that_belongs_to_a_name_does_not_put_an_entry_below_another() -> None:
    assert not distinguished_names.is_within("cn=x\\,ou=b", "ou=b")
    assert not distinguished_names.key_is_within(
        distinguished_names.key("cn=x\\,ou=b"), distinguished_names.key("ou=b")
    )
