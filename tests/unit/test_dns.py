"""DNs compared as a directory compares them."""

from __future__ import annotations

import pytest

from directory.sync.source import dns


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
    assert dns.same(one, other)


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
    assert not dns.same(one, other)


@pytest.mark.parametrize(
    ("dn", "above"),
    [("uid=a,ou=b,dc=c", "ou=b,dc=c"), ("cn=Doe\\, Jane, ou=b", "ou=b"), ("cn=x\\\\,ou=b", "ou=b"), ("dc=c", "")],
)
def test_the_parent_begins_after_the_first_comma_that_separates(dn: str, above: str) -> None:
    assert dns.parent(dn) == above


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
    assert dns.child_on_the_way(top, dn) == child
