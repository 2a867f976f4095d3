"""In which groups a person is, against a naive closure, and whose groups a change of groups touches."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from directory.values import distinguished_names
from directory.values.group_graph import NO_NAMES, Group, GroupGraph, Names, names_of

DOMAIN = "S-1-5-21-7-8-9"


def graph(*groups: tuple[str, list[str]], depth: int = 10) -> GroupGraph:
    """Return a graph of groups, each with the CNs of its members."""
    keys = distinguished_names.Keys()
    return GroupGraph(
        (Group(dn_of(name), tuple(keys[dn_of(member)] for member in members)) for name, members in groups),
        depth=depth,
        keys=keys,
    )


def dn_of(name: str) -> str:
    return f"cn={name},dc=example"


def names(dns_of_groups: list[str]) -> list[str]:
    return [dn[3:].removesuffix(",dc=example") for dn in dns_of_groups]


class TestGroups:
    def test_are_found_directly_and_by_nesting_and_come_sorted(self) -> None:
        found = graph(("Support", ["HelpDeskUK"]), ("HelpDeskUK", ["ann"]), ("Admins", ["Support"]), ("Other", ["bob"]))

        assert names(found.groups(dn_of("ann"), NO_NAMES)) == ["Admins", "HelpDeskUK", "Support"]
        assert found.groups(dn_of("zoe"), NO_NAMES) == []

    def test_may_contain_each_other(self) -> None:
        found = graph(("A", ["B", "A"]), ("B", ["C"]), ("C", ["A", "ann"]))

        assert names(found.groups(dn_of("ann"), NO_NAMES)) == ["A", "B", "C"]

    @pytest.mark.parametrize(("depth", "expected"), [(0, ["A"]), (1, ["A", "B"]), (2, ["A", "B", "C"])])
    def test_are_followed_as_deep_as_wanted(self, depth: int, expected: list[str]) -> None:
        found = graph(("A", ["ann"]), ("B", ["A"]), ("C", ["B"]), depth=depth)

        assert names(found.groups(dn_of("ann"), NO_NAMES)) == expected
        assert names(found.too_deep) == ({0: ["A"], 1: ["B"], 2: []}[depth])

    def test_are_found_by_username_in_the_letter_case_of_the_directory(self) -> None:
        keys = distinguished_names.Keys()
        posix = Group(dn_of("posix"), usernames=("ann",))
        above = Group(dn_of("above"), (keys[dn_of("posix")],))
        found = GroupGraph([posix, above], depth=10, keys=keys)

        assert names(found.groups("uid=1,dc=example", names_of({"UID": ["x", " ann "]}))) == ["above", "posix"]
        assert found.groups("uid=1,dc=example", names_of({"uid": ["Ann"]})) == []

    def test_are_found_as_primary_group(self) -> None:
        keys = distinguished_names.Keys()
        users = Group(dn_of("Domain Users"), sid=f"{DOMAIN}-513")
        foreign = Group(dn_of("Other Domain"), sid="S-1-5-21-1-1-1-513")
        above = Group(dn_of("Users"), (keys[dn_of("Domain Users")],))
        found = GroupGraph([users, foreign, above], depth=10, keys=keys)
        person = names_of({"objectSid": [f"{DOMAIN}-1105"], "primaryGroupID": ["513"]})

        assert names(found.groups(dn_of("ann"), person)) == ["Domain Users", "Users"]
        assert names_of({"objectSid": [f"{DOMAIN}-1105"]}) is NO_NAMES
        assert names_of({"objectSid": ["no-sid"], "primaryGroupID": ["513"]}) is NO_NAMES
        assert names_of({"primaryGroupID": ["513"]}) is NO_NAMES

    def test_name_members_in_any_spelling(self) -> None:
        keys = distinguished_names.Keys()
        group = Group("CN=R\\26D\\, Labs,DC=Example", (keys["CN=Doe\\2C  Jane , OU=Staff,dc=EXAMPLE"],))
        found = GroupGraph([group], depth=10, keys=keys)

        assert found.groups("cn=doe\\, jane,ou=staff,DC=example", NO_NAMES) == ["CN=R\\26D\\, Labs,DC=Example"]
        assert found.groups("cn=doe,ou=jane,ou=staff,DC=example", NO_NAMES) == []

    def test_say_by_which_way_they_are_reached(self) -> None:
        found = graph(
            ("Support", ["HelpDeskUK"]), ("HelpDeskUK", ["ann"]), ("Admins", ["Support", "ann"]), ("Top", ["Support"])
        )

        ways = [names(list(way)) for way in found.ways(dn_of("ann"), NO_NAMES)]

        assert ways == [["Support", "HelpDeskUK"], ["Top", "Support", "HelpDeskUK"]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cn=a,dc=b#'0101'B", "cn=a,dc=b"),
        ("cn=a,dc=b#''B", "cn=a,dc=b"),
        ("cn=a,dc=b", "cn=a,dc=b"),
        ("cn=a,dc=b#'012'B", "cn=a,dc=b#'012'B"),
        ("cn=a#'1'B,dc=b", "cn=a#'1'B,dc=b"),
    ],
)
def test_a_unique_member_may_have_an_identifier_behind_its_dn(value: str, expected: str) -> None:
    assert distinguished_names.of_member(value) == expected


class TestKeys:
    @pytest.mark.parametrize(
        "spellings",
        [
            ("uid=ann,ou=Staff,dc=example", "UID=Ann, OU=staff ,DC=EXAMPLE", "userid=ann,2.5.4.11=Staff,dc=example"),
            ("cn=Doe\\, Jane,dc=example", "cn=Doe\\2C Jane,dc=example", "CN=doe\\2c  jane,DC=example"),
            ("cn=Ren\\C3\\A9e,dc=example", "cn=Renée,dc=example", "CN=RENÉE,dc=example"),
            ("cn=a+uid=b,dc=example", "uid=B + CN=a,dc=example"),
            ("cn=a\\+b,dc=example", "cn=a\\2Bb,dc=example"),
            ("cn=\\61nn,dc=example", "cn=ann,dc=example"),
            ("cn=a=b,dc=example", "cn=a\\3Db,dc=example"),
            ("cn=x,ou=R\\26D\\, Labs,dc=example", "cn=x,ou=R&D\\2C Labs,dc=example"),
        ],
    )
    def test_are_the_same_for_all_spellings_of_a_dn(self, spellings: tuple[str, ...]) -> None:
        keys = distinguished_names.Keys()

        assert len({keys[spelling] for spelling in spellings}) == 1
        assert all(distinguished_names.same(spellings[0], spelling) for spelling in spellings)

    def test_are_others_for_other_dns(self) -> None:
        keys = distinguished_names.Keys()
        others = [
            "cn=a\\,b,dc=example",
            "cn=a,b=,dc=example",
            "cn=a\\\\,b=,dc=example",
            "cn=a+b=,dc=example",
            "cn=a\\+b=,dc=example",
        ]
        others += [
            "cn=Ren\\E9e,dc=example",
            "cn=Renée,dc=example",
            "ou=a,dc=example",
            "dc=example",
            "cn=a,dc=example,dc=com",
        ]

        assert len({keys[other] for other in others}) == len(others)

    def test_of_a_dn_with_very_many_parts_are_found(self) -> None:
        long = ",".join(f"ou={number}" for number in range(5000))

        assert distinguished_names.Keys()[long.replace(",", ", ").upper()] == distinguished_names.Keys()[long]

    def test_agree_with_the_slow_comparison(self) -> None:
        chance = random.Random(1)
        pieces = [
            "a",
            "B",
            "b",
            " ",
            "\\,",
            "\\2C",
            ",",
            "\\+",
            "+",
            "cn=",
            "ou=",
            "=",
            "é",
            "\\C3\\A9",
            "\\\\",
            "#",
            ";",
        ]
        spelled = ["cn=" + "".join(chance.choices(pieces, k=chance.randint(1, 5))) + ",dc=x" for _ in range(400)]
        keys = distinguished_names.Keys()

        for one in spelled:
            for other in chance.sample(spelled, 40):
                if distinguished_names.parsed(one) is not None and distinguished_names.parsed(other) is not None:
                    assert (keys[one] == keys[other]) == distinguished_names.same(one, other), (one, other)


@dataclass
class Naive:
    """Groups by name, and what a person is in by going round until nothing is new any more."""

    members: dict[str, set[str]] = field(default_factory=dict)
    usernames: dict[str, set[str]] = field(default_factory=dict)
    sids: dict[str, str] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)

    def groups(self, person: str, known_as: Names) -> list[str]:
        found: set[str] = set()
        size = -1
        while size != len(found):
            size = len(found)
            for name, members in self.members.items():
                by_name = self.usernames[name] & set(known_as.usernames)
                primary = known_as.primary_group and self.sids[name] == known_as.primary_group
                if person in members or by_name or primary or members & found:
                    found.add(name)
        return sorted(self.spelled[name] for name in found)

    def stored(self, keys: distinguished_names.Keys) -> dict[str, Group]:
        return {
            keys[dn_of(name)]: Group(
                self.spelled[name],
                tuple(keys[dn_of(member)] for member in sorted(self.members[name])),
                tuple(sorted(self.usernames[name])),
                self.sids[name],
            )
            for name in self.members
        }


def invented(chance: random.Random) -> Naive:
    """Invent a directory in which groups are in groups, also round in circles."""
    made = Naive()
    for number in range(chance.randint(0, 9)):
        name = f"g{number}"
        made.members[name] = {f"g{chance.randrange(9)}" for _ in range(chance.randrange(3))}
        made.members[name] |= {f"p{chance.randrange(6)}" for _ in range(chance.randrange(3))}
        made.usernames[name] = {f"u{chance.randrange(6)}" for _ in range(chance.randrange(2))}
        made.sids[name] = f"{DOMAIN}-{number}" if chance.random() < 0.4 else ""
        made.spelled[name] = dn_of(name) if chance.random() < 0.8 else dn_of(name).upper()
    return made


def changed(before: Naive, chance: random.Random) -> Naive:
    """Change something here and there."""
    other, after = invented(chance), replace(before)
    for part in ("members", "usernames", "sids", "spelled"):
        setattr(after, part, dict(getattr(before, part)))
    for number in chance.sample(range(9), chance.randint(0, 3)):
        name = f"g{number}"
        for part in ("members", "usernames", "sids", "spelled"):
            if name in other.members:
                if part == chance.choice(("members", part)) or name not in before.members:
                    getattr(after, part)[name] = getattr(other, part)[name]
            else:
                getattr(after, part).pop(name, None)
    return after


PERSONS: Mapping[str, Names] = {
    f"p{number}": Names((f"u{number}",), f"{DOMAIN}-{number}" if number % 2 else "") for number in range(6)
}


@pytest.mark.parametrize("seed", range(300))
def test_groups_are_those_of_a_naive_closure_and_a_change_touches_all_whose_groups_it_changes(seed: int) -> None:
    chance, keys = random.Random(seed), distinguished_names.Keys()
    before = invented(chance)
    after = changed(before, chance)
    old, new = before.stored(keys), after.stored(keys)
    found = GroupGraph(new.values(), depth=20, keys=keys)

    were = {key: group for key, group in old.items() if new.get(key) != group}
    are = {key: group for key, group in new.items() if old.get(key) != group}
    touched = found.touched(were, are)

    for person, known_as in PERSONS.items():
        assert found.groups(dn_of(person), known_as) == after.groups(person, known_as)
        if before.groups(person, known_as) != after.groups(person, known_as):
            named = keys[dn_of(person)] in touched.members or touched.usernames & set(known_as.usernames)
            assert named or known_as.primary_group in touched.sids


@pytest.mark.parametrize("seed", range(100))
def test_ways_lead_from_each_group_that_is_not_direct_to_one_that_is(seed: int) -> None:
    chance, keys = random.Random(seed), distinguished_names.Keys()
    naive = invented(chance)
    stored = naive.stored(keys)
    found = GroupGraph(stored.values(), depth=20, keys=keys)

    for person, known_as in PERSONS.items():
        ways = found.ways(dn_of(person), known_as)
        direct = [
            group.dn
            for group in stored.values()
            if keys[dn_of(person)] in group.members
            or set(known_as.usernames) & set(group.usernames)
            or (known_as.primary_group and group.sid == known_as.primary_group)
        ]
        assert sorted([*direct, *(way[0] for way in ways)]) == found.groups(dn_of(person), known_as)
        for way in ways:
            assert way[-1] in direct
            assert all(keys[below] in stored[keys[above]].members for above, below in pairwise(way))
