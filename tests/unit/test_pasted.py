"""What is pasted into an LDAP server's settings is tested and stored as it is meant."""

from __future__ import annotations

from typing import Any

import pytest

from directory import pasted
from directory.sync.source import check_dn, check_filter


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("role_name_script", "function (entry) {\r\n\treturn [];\r\n}\r\n", "function (entry) {\n\treturn [];\n}"),
        ("active_script", "\ufeff function (entry) {\r  return 'a  b';\r}", "function (entry) {\n  return 'a  b';\n}"),
        ("org_name_script", "", ""),
        ("ca_certificate", "-----BEGIN-----\r\nAAAA\r\n-----END-----\r\n", "-----BEGIN-----\nAAAA\n-----END-----"),
        ("search_filter", "(&\r\n  (objectClass=person)\r\n  (!(ou=ex))\r\n)\r\n", "(&(objectClass=person)(!(ou=ex)))"),
        ("search_filter", " ( | (cn=John  Smith) (sn= x) ) ", "(|(cn=John  Smith)(sn= x))"),
        ("search_filter", "(cn=John\r\n  Smith)", "(cn=John Smith)"),
        ("search_filter", "(cn=a & b)", "(cn=a & b)"),
        ("search_filter", "(cn=a \\28b\\29 c)", "(cn=a \\28b\\29 c)"),
        ("search_filter", "(!(a=b))\u00a0", "(!(a=b))"),
        ("search_base", "\u200b ou=People,\r\n  dc=example,dc=com\r\n", "ou=People,dc=example,dc=com"),
        ("search_base", "ou=Human\n Resources,dc=example", "ou=Human Resources,dc=example"),
        ("bind_dn", "cn=reader, ou=Apps,dc=example ", "cn=reader, ou=Apps,dc=example"),
        ("urls", [" ldaps://dc1 \r", "", "ldaps://dc2\u00a0"], ["ldaps://dc1", "ldaps://dc2"]),
        ("always_list_attributes", ["memberOf ", " "], ["memberOf"]),
        ("username_attribute", " uid\r\n", "uid"),
        ("canary", " mia\n", "mia"),
        ("bind_password", " as it\r\nis ", " as it\r\nis "),
        ("page_size", 500, 500),
        ("urls", "no list", "no list"),
    ],
)
def test_it_is_normalized(name: str, given: Any, meant: Any) -> None:
    assert pasted.normalized({name: given}) == {name: meant}
    assert pasted.normalized({name: meant}) == {name: meant}


@pytest.mark.parametrize(
    "text",
    [
        "( & ( objectClass=person)\n ( | (a=b)\n (c=d) ) )",
        "\n(&\n(objectClass=person)\n(memberOf=cn=a b,\n dc=x)\n)\n",
    ],
)
def test_a_filter_on_several_lines_is_one_afterwards(text: str) -> None:
    assert check_filter(pasted.ldap_filter(text)) is None


def test_a_dn_on_several_lines_is_one_afterwards() -> None:
    assert check_dn(pasted.dn("ou=People,\r\n\tdc=example ,\r\ndc=com")) is None


def test_only_line_ends_and_blanks_make_no_difference() -> None:
    assert pasted.same("active_script", "a\r\nb\r\n", "a\nb")
    assert not pasted.same("active_script", "a b", "a  b")
    assert not pasted.same("bind_password", "a ", "a")
