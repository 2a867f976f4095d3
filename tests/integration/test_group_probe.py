"""Test connection where groups are resolved: how many groups are found, one of them, and which setting is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from directory.ldap.connection_test import group_test
from directory.ldap.connection_test.connection_test import ConnectionStep, test_connection
from directory.ldap.errors import Stage
from directory.ldap.process.isolated_connection_trial import try_connection
from directory.values.ldap import Connection, Entry, GroupSearch
from tests.attacks.ldap_pages import filled_in, on_the_page
from tests.directories import Directory, people
from tests.makers import make_sysadmin, signed_in
from tests.worlds import ldap_server


@pytest.fixture(scope="module")
def company() -> Iterator[Directory]:
    with Directory(ldif=people(3)) as directory:
        for name, members in (("staff", ["u1", "u2"]), ("boss", ["u1"])):
            dns = [f"uid={member},{directory.base}" for member in members]
            directory.add(f"cn={name},{directory.base}", {"objectClass": "groupOfNames", "cn": name, "member": dns})
        yield directory


def last_step(company: Directory, groups: GroupSearch | None, **values: Any) -> ConnectionStep:
    to_company = Connection(
        name="Corp", urls=(company.url,), search_base=company.base, search_filter="(uid=*)", **values
    )
    return try_connection(to_company, groups=groups)[-1]


def test_without_groups_there_is_no_such_step(company: Directory) -> None:
    assert last_step(company, None).stage == Stage.FILTER


@pytest.mark.parametrize("cannot_page", [False, True])
@pytest.mark.parametrize("base", ["", "the base"])
def test_groups_are_counted_and_one_is_shown(base: str, cannot_page: bool, company: Directory) -> None:
    step = last_step(company, GroupSearch(base and company.base), cannot_page=cannot_page)

    assert (step.stage, step.ok) == (Stage.GROUPS, True)
    assert step.detail == f"2 groups found; cn=staff,{company.base} is one of them, with 2 members"


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (GroupSearch("ou=nowhere,{base}"), "“Base of groups”: No such object"),
        (GroupSearch("nonsense"), "“Base of groups”: "),
        (GroupSearch("", "(cn=nobody)"), "“Filter of groups”: no group is found"),
        (GroupSearch("{base}", "(cn=nobody)"), "“Base of groups” and “Filter of groups”: no group is found"),
        (GroupSearch("", "(cn="), "“Filter of groups”: "),
    ],
)
def test_the_setting_that_is_wrong_is_named(groups: GroupSearch, expected: str, company: Directory) -> None:
    groups = GroupSearch(groups.base.format(base=company.base), groups.search_filter)

    step = last_step(company, groups)

    assert (step.stage, step.ok) == (Stage.GROUPS, False)
    assert step.detail.startswith(expected)
    assert "search base" not in step.detail


def test_entries_without_members_are_named_as_such(company: Directory) -> None:
    step = last_step(company, GroupSearch("", "(uid=*)"))

    assert step.ok
    assert step.detail == "3 groups found; none of them lists members (member, uniqueMember, memberUid)"


@pytest.mark.parametrize("cannot_page", [False, True])
def test_of_very_many_groups_not_all_are_counted(
    cannot_page: bool, company: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_test, "MOST", 2)
    to_company = Connection(
        name="Corp", urls=(company.url,), search_base=company.base, search_filter="(uid=*)", cannot_page=cannot_page
    )

    step = test_connection(to_company, GroupSearch("", "(objectClass=*)"))[-1]

    assert step.detail.startswith("more than 2 groups found; cn=staff,")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"member;range=0-1": ("cn=a", "cn=b"), "member": ()}, "with more than 2 members"),
        ({"member;range=0-*": ("cn=a",)}, "with 1 member"),
        ({"member": ("cn=a", "cn=b"), "memberUid": ("c",)}, "with 3 members"),
    ],
)
def test_of_a_long_list_of_members_only_those_that_come_at_once_are_counted(
    attributes: dict[str, tuple[str, ...]], expected: str
) -> None:
    assert group_test.described(Entry("cn=staff", attributes)) == f"cn=staff is one of them, {expected}"


@pytest.mark.django_db
class TestThePage:
    def test_shows_the_step(self, company: Directory) -> None:
        client = signed_in(make_sysadmin())
        corp = ldap_server(company.url, search_base=company.base, search_filter="(uid=*)", resolve_groups=True)

        answer = client.post(reverse("ldap_servers:test-connection", args=[corp.pk]), filled_in(client, corp))

        assert "works groups 2 groups found" in on_the_page(answer.content)

    def test_names_a_filter_that_is_none(self, company: Directory) -> None:
        client = signed_in(make_sysadmin())
        corp = ldap_server(company.url, search_base=company.base, search_filter="(uid=*)", resolve_groups=True)

        given = filled_in(client, corp) | {"groups_filter": "(cn="}
        answer = client.post(reverse("ldap_servers:test-connection", args=[corp.pk]), given)

        assert "Filter of groups" in on_the_page(answer.content)
        assert "2 groups found" not in on_the_page(answer.content)
