"""Whose memberships have changed with a group: what groups list by now, beside what stored entries name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from directory.sync.read import group_changes
from directory.sync.read.group_changes import SAMPLES, Doubt, GroupChanges, TooMany, look
from directory.values import distinguished_names
from directory.values.ldap import MemberList, Surroundings

STAFF = "cn=staff,dc=example"
SUPPORT = "cn=support,dc=example"


def dn_of(name: str) -> str:
    return f"uid={name},dc=example"


def entry(name: str, *groups: str) -> tuple[str, Mapping[str, Sequence[str]]]:
    """Return the stored entry of somebody who names these groups."""
    return dn_of(name), {"uid": [name], "memberOf": list(groups)}


def group(dn: str, *members: str, usernames: tuple[str, ...] = ()) -> MemberList:
    return MemberList(dn, tuple(member if "=" in member else dn_of(member) for member in members), usernames)


def looked(
    changed: Sequence[MemberList], *entries: tuple[str, Mapping[str, Sequence[str]]], **more: object
) -> GroupChanges:
    return look(Surroundings(groups=tuple(changed), **more), entries)  # type: ignore[arg-type]  # names of Surroundings


class TestAnEntry:
    def test_that_names_a_group_which_lists_it_no_more_has_changed(self) -> None:
        found = looked([group(STAFF, "ann")], entry("ann", STAFF), entry("bob", STAFF))

        assert found.changed == [dn_of("bob")]

    def test_that_a_group_lists_and_that_does_not_name_it_has_changed_where_others_name_it(self) -> None:
        people = [entry(f"p{number}") for number in range(SAMPLES + 1)]

        found = looked([group(STAFF, "ann", *(f"p{n}" for n in range(SAMPLES + 1)))], entry("ann", STAFF), *people)

        assert found.changed == [dn for dn, _ in people]
        assert found.doubts == []

    def test_is_in_doubt_where_nobody_names_the_group(self) -> None:
        """The server may have nobody name groups of that kind."""
        people = [entry(f"p{number}") for number in range(SAMPLES + 1)]

        found = looked([group(STAFF, *(f"p{n}" for n in range(SAMPLES + 1)))], *people)

        assert found.changed == []
        assert [(doubt.names_it, len(doubt.dns)) for doubt in found.doubts] == [(False, SAMPLES + 1)]

    def test_that_names_its_groups_as_they_are_has_not(self) -> None:
        assert looked([group(STAFF, "ann")], entry("ann", STAFF), entry("bob")) == GroupChanges()

    def test_is_found_by_dns_in_any_spelling(self) -> None:
        spelled = "CN=Staff, DC=EXAMPLE"

        assert looked([group(STAFF, "UID=Ann, DC=example")], entry("ann", spelled)).changed == []

    def test_is_found_by_a_username_that_a_group_lists(self) -> None:
        found = looked([group(STAFF, usernames=("ANN",))], entry("ann", STAFF), entry("bob", STAFF))

        assert found.changed == [dn_of("bob")]

    def test_is_found_by_the_attribute_that_holds_usernames(self) -> None:
        around = Surroundings(groups=(group(STAFF, usernames=("ann",)),))
        named = [("cn=Ann,dc=example", {"sAMAccountName": ["ann"], "memberOf": [STAFF]})]

        assert look(around, named).changed == ["cn=Ann,dc=example"]
        assert look(around, named, username="sAMAccountName").changed == []


class TestAGroupInAChangedGroup:
    def test_has_its_members_name_the_changed_one_or_not(self) -> None:
        """Servers differ: that a nested group is named is right, and so is that it is not."""
        nested = (group(SUPPORT, "ann", "bob"),)

        found = looked([group(STAFF, SUPPORT)], entry("ann", STAFF), entry("bob", STAFF), nested=nested)

        assert found.changed == []

    def test_may_contain_the_changed_one(self) -> None:
        nested = (group(SUPPORT, STAFF, "ann"),)

        assert looked([group(STAFF, SUPPORT)], entry("ann", STAFF), nested=nested).changed == []


class TestAGroupThatIsGone:
    def test_has_who_names_it_read_again(self) -> None:
        found = looked([], entry("ann", STAFF), entry("bob"), gone=(STAFF,))

        assert found.changed == [dn_of("ann")]
        assert found.named == {distinguished_names.key(STAFF)}


class TestAGroupThatTheFilterAsksFor:
    def test_has_joined_by_it_who_is_not_stored(self) -> None:
        changed = [group(STAFF, "ann", "new", usernames=("ghost",))]

        found = looked(changed, entry("ann", STAFF), filter_groups=(STAFF,))

        assert (found.joined, found.unknown) == ([dn_of("new")], ["ghost"])

    def test_counts_with_the_groups_in_it(self) -> None:
        nested = (group("cn=all,dc=example", STAFF),)

        found = looked([group(STAFF, "new")], nested=nested, filter_groups=("cn=all,dc=example",))

        assert found.joined == [dn_of("new")]

    def test_may_be_any(self) -> None:
        assert looked([group(STAFF, "new")], filter_groups=("",)).joined == [dn_of("new")]

    def test_is_another_one(self) -> None:
        assert looked([group(STAFF, "new")], filter_groups=(SUPPORT,)).joined == []


class TestADoubt:
    def test_is_looked_into_in_as_many_branches_as_there_are(self) -> None:
        dns = [f"uid=p{number},ou=one" for number in range(10)] + ["uid=x,ou=two"]

        samples = Doubt(STAFF, names_it=False, dns=dns).samples()

        assert len(samples) == SAMPLES
        assert "uid=x,ou=two" in samples

    @pytest.mark.parametrize(
        ("names_it", "now", "confirmed"),
        [
            (False, {"uid=a": frozenset[str]()}, False),
            (False, {"uid=a": frozenset({STAFF})}, True),
            (True, {"uid=a": frozenset({STAFF})}, False),
            (True, {"uid=a": frozenset[str]()}, True),
            (True, {}, True),
        ],
    )
    def test_is_confirmed_where_a_sample_is_otherwise_by_now(
        self, names_it: bool, now: Mapping[str, frozenset[str]], confirmed: bool
    ) -> None:
        assert Doubt(STAFF, names_it, ["uid=a"]).is_confirmed(now) is confirmed


def test_more_memberships_than_can_be_looked_at_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_changes, "MOST_PAIRS", 2)

    with pytest.raises(TooMany):
        looked([group(STAFF, "ann", "bob", "cleo")])
