"""By what attributes entries name their groups, in every form in which entries and filters are kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.values.membership_attributes import NAMING, in_filter, named_by, named_in, names_groups

ATTRIBUTES = st.sampled_from([*NAMING, "MEMBEROF", "memberOf;lang-de", "member", "memberOfX", "cn", 'memberOf": "'])


class TestAnAttribute:
    @pytest.mark.parametrize("name", ["memberOf", "MEMBEROF", "memberof;lang-en", "isMemberOf", "groupMembership"])
    def test_names_groups(self, name: str) -> None:
        assert names_groups(name)

    @pytest.mark.parametrize("name", ["member", "memberOfX", "xmemberOf", "cn", ""])
    def test_is_another_one(self, name: str) -> None:
        assert not names_groups(name)


class TestTheJsonOfAnEntry:
    @given(st.dictionaries(ATTRIBUTES, st.lists(st.text(max_size=20), max_size=3), max_size=4))
    def test_names_the_groups_that_the_entry_names(self, attributes: dict[str, list[str]]) -> None:
        assert named_in(json.dumps(attributes)) == list(named_by(attributes))

    def test_names_none_in_a_value_that_looks_like_an_attribute(self) -> None:
        assert named_in(json.dumps({"cn": ['"memberOf": ["cn=x"]']})) == []


class TestAFilter:
    @pytest.mark.parametrize(
        ("search_filter", "groups"),
        [
            ("(objectClass=person)", ()),
            ("(memberOf=cn=staff,dc=example)", ("cn=staff,dc=example",)),
            ("memberOf=cn=staff,dc=example", ("cn=staff,dc=example",)),
            ("(&(objectClass=person)(|(memberOf=cn=a)(isMemberOf=cn=b)))", ("cn=a", "cn=b")),
            ("(memberOf:1.2.840.113556.1.4.1941:=cn=staff)", ("cn=staff",)),
            (r"(memberOf=cn=R\28D\29\, Labs)", (r"cn=R(D)\, Labs",)),
            (r"(memberOf=cn=Z\c3\b6)", (r"cn=Z\c3\b6",)),
            ("(memberOf=*)", ("",)),
            ("(memberOf=cn=sta*)", ("",)),
        ],
    )
    def test_goes_by_these_groups(self, search_filter: str, groups: tuple[str, ...]) -> None:
        assert in_filter(search_filter) == (groups, False)

    @pytest.mark.parametrize(
        ("search_filter", "negated"),
        [
            ("(!(memberOf=cn=a))", True),
            ("(&(!(cn=x))(memberOf=cn=a))", False),
            ("(!(!(memberOf=cn=a)))", False),
            ("(!(&(cn=x)(memberOf=cn=a)))", True),
            ("(|(memberOf=cn=a)(!(memberOf=cn=a)))", True),
        ],
    )
    def test_may_ask_for_who_is_not_in_them(self, search_filter: str, negated: bool) -> None:
        assert in_filter(search_filter)[1] is negated
