"""One function says when two spellings are one DN, and everything that compares DNs goes by it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from directory.ldap.entry_identity import called
from directory.ldap.search.referrals import trees_with_people
from directory.models import LdapServer
from directory.servers import setting_warnings
from directory.values import distinguished_names

PROJECT = Path(__file__).parents[4]
# It asks the library whether a text is a DN at all, and compares nothing.
SYNTAX = "directory/ldap/validation/dn_and_attribute_syntax.py"
OTHERWISE = (
    re.compile(r"(?:fold|normcase)\(\s*[\w.]*\b(?:dn|dns|base)\b\s*\)"),
    re.compile(r"\b(?:dn|dns|base)\.(?:lower|casefold|upper|split|rsplit|rpartition)\("),
    re.compile(r"\b(?:from ldap import dn\b|ldap\.dn\b|explode_dn|explode_rdn|str2dn)"),
)
DN, SPELLED = "uid=ann,ou=Staff,dc=corp,dc=example", "UID=Ann, OU=staff ,0.9.2342.19200300.100.1.25=CORP,DC=Example"


@pytest.mark.parametrize("name", [DN, SPELLED, "ANN"])
def test_a_canary_is_found_by_its_dn_in_any_spelling_and_by_its_username(name: str) -> None:
    assert called(name)(DN, ["ann", "ann2"])


@pytest.mark.parametrize("name", ["uid=ann,dc=example", "bob", "ou=Staff,dc=corp,dc=example", "uid=ann"])
def test_a_canary_is_nobody_else(name: str) -> None:
    assert not called(name)(DN, ["ann"])


def test_an_entry_is_known_among_others_in_any_spelling() -> None:
    assert distinguished_names.is_among(DN, ["cn=x,dc=example", SPELLED])
    assert not distinguished_names.is_among(DN, ["cn=x,dc=example"])
    assert not distinguished_names.is_among(DN, [])


@pytest.mark.parametrize(
    ("base", "tree"),
    [
        ("ou=People,dc=corp,dc=example", "dc=corp,dc=example"),
        ("ou=People, domainComponent=corp,DC=example", "domainComponent=corp,DC=example"),
        ("cn=Doe\\, Jane,ou=People,o=Corp", "o=Corp"),
        ("dc=example", "dc=example"),
    ],
)
def test_the_tree_of_a_search_base_is_its_domain_however_that_is_spelled(base: str, tree: str) -> None:
    assert trees_with_people([], base) == [tree]


def test_two_servers_that_search_one_base_in_two_spellings_are_told_of() -> None:
    one, other = (
        LdapServer(pk=pk, name=name, urls=["ldaps://ldap.invalid"], search_base=base)
        for pk, name, base in ((1, "Corp", DN), (2, "Again", SPELLED))
    )
    (caution,) = setting_warnings.of_server(one, [one, other], at=datetime(2026, 3, 2, tzinfo=UTC))
    assert caution.startswith("Again has the same search base")


def test_no_module_compares_dns_in_a_way_of_its_own() -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {line.strip()}"
        for folder in ("console", "directory", "orgs")
        for path in (PROJECT / folder).rglob("*.py")
        if path.relative_to(PROJECT).as_posix() != SYNTAX and "migrations" not in path.parts
        for line in path.read_text().splitlines()
        if any(pattern.search(line) for pattern in OTHERWISE)
    ]
    assert found == []
