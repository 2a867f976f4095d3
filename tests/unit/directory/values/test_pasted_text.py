"""What is pasted into an LDAP server's settings is tested and stored as it is meant."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, strategies

from directory.actions import servers
from directory.ldap.validation.dn_and_attribute_syntax import check_dn
from directory.ldap.validation.filter_syntax import check_filter
from directory.models import LdapServer
from directory.values import pasted_text
from directory.values.distinguished_names import parsed

# No letter of a value may make it longer by itself, as an escape would.
VALUES = strategies.text("abc =&|!*,;+/äß", max_size=8)
BETWEEN = strategies.sampled_from(["", "", " ", "\t", "\r\n", "\n  ", " \r\n\t", "\u00a0", "\ufeff", "\u200b\n"])

BEGIN, END, LONG = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "MIIB" * 20 + "AA=="
PEM = f"{BEGIN}\n{LONG[:64]}\n{LONG[64:]}\n{END}"


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("role_name_script", "function (entry) {\r\n\treturn [];\r\n}\r\n", "function (entry) {\n\treturn [];\n}"),
        ("active_script", "\ufeff function (entry) {\r  return 'a  b';\r}", "function (entry) {\n  return 'a  b';\n}"),
        ("org_name_script", "", ""),
        ("ca_certificate", "-----BEGIN-----\r\nAAAA\r\n-----END-----\r\n", "-----BEGIN-----\nAAAA\n-----END-----"),
        (
            "client_certificate",
            f"  note\r\n   {BEGIN}\r\n \u00a0{LONG[:64]} \r\n  {LONG[64:]}\r\n {END} ",
            f"note\n{PEM}",
        ),
        ("ca_certificate", f"{BEGIN} {LONG[:64]} {LONG[64:]} {END}", PEM),
        ("client_key", f"{PEM}\n\n{PEM}", f"{PEM}\n{PEM}"),
        ("client_key", f"{BEGIN}\nProc-Type: 4\n\nAA\n{END}", f"{BEGIN}\nProc-Type: 4\n\nAA\n{END}"),
        ("search_filter", "(&\r\n  (objectClass=person)\r\n  (!(ou=ex))\r\n)\r\n", "(&(objectClass=person)(!(ou=ex)))"),
        ("search_filter", " ( | (cn=John  Smith) (sn= x) ) ", "(|(cn=John  Smith)(sn= x))"),
        ("search_filter", "(cn=John\r\n  Smith)", "(cn=John Smith)"),
        ("search_filter", "(cn=a & b)", "(cn=a & b)"),
        ("search_filter", "(cn=a \\28b\\29 c)", "(cn=a \\28b\\29 c)"),
        ("search_filter", "(!(a=b))\u00a0", "(!(a=b))"),
        ("search_filter", "(&\u2028(a=b)\u200b(c=\\20d\\20)\x0b)", "(&(a=b)(c=\\20d\\20))"),
        ("search_filter", "(memberOf=\r\n  cn=R D,\r\n  dc=x)", "(memberOf=cn=R D,dc=x)"),
        ("search_filter", "(cn=Smith,\r\n  John )", "(cn=Smith, John )"),
        ("search_base", "\u200b ou=People,\r\n  dc=example,dc=com\r\n", "ou=People,dc=example,dc=com"),
        ("search_base", "ou=Human\n Resources,dc=example", "ou=Human Resources,dc=example"),
        ("search_base", "ou=Labs\\ ,dc=example\\ ", "ou=Labs\\ ,dc=example\\ "),
        ("search_base", "ou=Labs\\ \r\n,dc=example\\  \r\n", "ou=Labs\\ ,dc=example\\ "),
        ("search_base", "cn = a = b,\tdc=x", "cn=a = b,dc=x"),
        ("search_base", 'o="Sue, Grabbit ", \n c=GB', 'o="Sue, Grabbit ",c=GB'),
        ("search_base", "", ""),
        ("bind_dn", "cn=reader, ou=Apps + l = X ;dc=example ", "cn=reader,ou=Apps+l=X;dc=example"),
        ("bind_dn", " CORP\\reader\r\n", "CORP\\reader"),
        ("bind_dn", "reader@corp.example ", "reader@corp.example"),
        ("urls", [" ldaps://dc1 \r", "", "ldaps://dc2\u00a0"], ["ldaps://dc1", "ldaps://dc2"]),
        ("always_list_attributes", ["\tmemberOf", 5], ["memberOf", 5]),
        ("always_list_attributes", ["memberOf ", " "], ["memberOf"]),
        ("username_attribute", " uid\r\n", "uid"),
        ("canary", " mia\n", "mia"),
        ("canary", "cn=mia, dc=x\\ ", "cn=mia,dc=x\\ "),
        ("bind_password", " as it\r\nis ", " as it\r\nis "),
        ("page_size", 500, 500),
        ("urls", "no list", "no list"),
    ],
)
def test_it_is_normalized(name: str, given: Any, meant: Any) -> None:
    assert pasted_text.normalized({name: given}) == {name: meant}
    assert pasted_text.normalized({name: meant}) == {name: meant}


@pytest.mark.parametrize(
    "text",
    [
        "( & ( objectClass=person)\n ( | (a=b)\n (c=d) ) )",
        "\n(&\n(objectClass=person)\n(memberOf=cn=a b,\n dc=x)\n)\n",
    ],
)
def test_a_filter_on_several_lines_is_one_afterwards(text: str) -> None:
    assert check_filter(pasted_text.ldap_filter(text)) is None


def test_a_dn_on_several_lines_is_one_afterwards() -> None:
    assert check_dn(pasted_text.dn("ou=People,\r\n\tdc=example ,\r\ndc=com")) is None


def test_only_line_ends_and_blanks_make_no_difference() -> None:
    assert pasted_text.same("active_script", "a\r\nb\r\n", "a\nb")
    assert not pasted_text.same("active_script", "a b", "a  b")
    assert not pasted_text.same("bind_password", "a ", "a")


@strategies.composite
def filters(draw: strategies.DrawFn, depth: int = 3) -> tuple[str, str]:
    """Return a filter on one line, and the same as somebody may lay it out."""

    def between() -> str:
        return draw(BETWEEN)

    if depth == 0 or draw(strategies.booleans()):
        item = f"cn={draw(VALUES)}"
        return f"({item})", f"({between()}{item})"
    operator = draw(strategies.sampled_from("&|!"))
    count = 1 if operator == "!" else draw(strategies.integers(0, 3))
    parts = [draw(filters(depth - 1)) for _ in range(count)]
    typed = between().join(["", *(typed for _, typed in parts), ""])
    return f"({operator}{''.join(plain for plain, _ in parts)})", f"({between()}{operator}{typed})"


@given(filters(), BETWEEN, BETWEEN)
def test_a_filter_laid_out_at_will_is_the_filter_that_is_meant(of: tuple[str, str], before: str, after: str) -> None:
    plain, typed = of

    assert pasted_text.ldap_filter(f"{before}{typed}{after}") == plain


@given(strategies.lists(strategies.tuples(BETWEEN, VALUES, BETWEEN), min_size=1, max_size=4))
def test_a_dn_laid_out_at_will_is_the_dn_that_is_meant(rdns: list[tuple[str, str, str]]) -> None:
    escaped = [(before, re.sub(r"(^ | $|[,;+=])", r"\\\1", value), after) for before, value, after in rdns]
    typed = ",".join(f"{before}cn{after}={before}{value}{after}" for before, value, after in escaped)

    assert parsed(pasted_text.dn(typed)) == parsed(",".join(f"cn={value}" for _, value, _ in escaped))


@given(strategies.text('()&|!=,;+\\" \t\r\n\u00a0\u200b\u2028ab*'))
def test_to_normalize_twice_is_to_normalize_once(text: str) -> None:
    for name in sorted(pasted_text.NORMALIZED):
        for value in (text, [text, f" {text}"]):
            once = pasted_text.normalized({name: value})
            assert pasted_text.normalized(once) == once, name


def test_every_setting_that_is_pasted_is_normalized() -> None:
    pastes = {
        field.name
        for field in LdapServer._meta.get_fields()
        if field.name in servers.SETTINGS
        and field.get_internal_type() in {"CharField", "TextField", "JSONField"}
        and not getattr(field, "choices", None)
    }

    assert pastes - pasted_text.NORMALIZED == {"name", "bind_password"}
