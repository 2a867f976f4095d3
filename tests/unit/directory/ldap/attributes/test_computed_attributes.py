"""Which attributes change without marking the entry as changed, by the table, the server's schema and its settings."""

from __future__ import annotations

import pytest

from directory.ldap.attributes import computed_attributes
from directory.models import LdapServer


@pytest.mark.parametrize(
    "name", ["lastLogon", "LASTLOGON", "nsRole", "tokenGroups", "msDS-User-Account-Control-Computed"]
)
def test_a_known_one_has_everything_read(name: str) -> None:
    why = computed_attributes.why_full(["entry", name], setting=[], by_schema=[])

    assert f"names {name}, which" in why
    assert f"put -{name} into" in why


@pytest.mark.parametrize("name", ["memberOf", "canonicalName", "uid", "modifyTimestamp"])
def test_others_have_not(name: str) -> None:
    assert computed_attributes.why_full([name], setting=[], by_schema=[]) == ""


def test_settings_add_and_take_out() -> None:
    assert computed_attributes.why_full(["shoeSize"], setting=[" ShoeSize "], by_schema=[]).endswith(
        f"({computed_attributes.BY_SETTING})"
    )
    assert (
        computed_attributes.why_full(["nsAccountLock"], setting=["-nsaccountlock"], by_schema=["nsAccountLock"]) == ""
    )


def test_what_the_schema_calls_computed_counts() -> None:
    assert computed_attributes.BY_SCHEMA in computed_attributes.why_full(
        ["acmeLevel"], setting=[], by_schema=["acmelevel"]
    )


@pytest.mark.parametrize(
    ("search_filter", "names"),
    [
        ("(&(objectClass=person)(!(nsAccountLock=true)))", ("objectClass", "nsAccountLock")),
        (
            "(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
            ("objectClass", "userAccountControl"),
        ),
        ("(| (lastLogon>=1)( cn;lang-de~=a=b)(:dn:2.5.13.5:=x))", ("lastLogon", "cn")),
    ],
)
def test_what_a_filter_compares_is_named_by_it(search_filter: str, names: tuple[str, ...]) -> None:
    assert computed_attributes.names_in_filter(search_filter) == names


def test_what_a_run_says_names_the_setting_as_its_page_does() -> None:
    label = str(LdapServer._meta.get_field("unmarked_attributes").verbose_name)

    assert f"“{label}”" in computed_attributes.why_full(["lastLogon"], setting=[], by_schema=[])
    assert label.endswith(computed_attributes.UNMARKED)
