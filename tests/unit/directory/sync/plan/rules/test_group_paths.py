"""The step that says by which groups somebody is in others: what the scripts name first, the rest as a number."""

from __future__ import annotations

import pytest

from directory.sync.plan.rules.group_paths import MOST, look_at_groups, sentence
from directory.values.scripts import Scripts


class TestScripts:
    @pytest.mark.parametrize(
        "scripts",
        [Scripts("return entry.groups"), Scripts("", "ldap.has(ENTRY.GROUPS)"), Scripts("", "", "x['groups']")],
    )
    def test_look_at_groups(self, scripts: Scripts) -> None:
        assert look_at_groups(scripts)

    def test_do_not(self) -> None:
        assert not look_at_groups(Scripts("return entry.memberOf", "", "return []"))


class TestTheSentence:
    def test_is_none_where_everybody_is_in_their_groups_directly(self) -> None:
        assert sentence([], Scripts()) == ""

    def test_names_the_groups_in_between(self) -> None:
        ways = [["cn=Support,dc=example", "cn=HelpDeskUK,dc=example"]]

        assert sentence(ways, Scripts()) == "Groups through other groups: Support ← HelpDeskUK."

    def test_begins_with_the_groups_that_a_script_names(self) -> None:
        ways = [["cn=All,dc=example", "cn=a"], ["cn=VPN Users,dc=example", "cn=b"]]

        words = sentence(ways, Scripts(role_name="return ldap.has(entry.groups, 'vpn users') ? ['VPN'] : null"))

        assert words == "Groups through other groups: VPN Users ← b; All ← a."

    def test_counts_those_that_are_too_many(self) -> None:
        ways = [[f"cn=group {number}", "cn=a"] for number in range(MOST + 3)]

        words = sentence(ways, Scripts())

        assert words.count("←") == MOST
        assert words.endswith("; and 3 more.")

    def test_is_one_line_whatever_a_group_is_called(self) -> None:
        assert "\n" not in sentence([["cn=Sup\\0Aport", "cn=a\\0D"]], Scripts())
