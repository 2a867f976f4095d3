"""Which filters RFC 4515 allows, and what is said of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.validation.filter_syntax import check_filter

GOOD_FILTERS = [
    "(objectClass=person)", "(cn=*)", "(cn=a*b*c)", "(&(objectClass=user)(!(cn=x)))", "(|(a=1)(b=2)(c=3))", "(&)",
    "(cn=)", r"(cn=a\28b\29\2a\5c)", "(userAccountControl:1.2.840.113556.1.4.803:=2)", "(cn:dn:=x)", "(:caseExactMatch:=x)",
    "(2.5.4.3=x)", "(cn;lang-de=x)", "(a>=1)", "(a<=1)", "(a~=1)", "(cn=Zoë)", "(& (a=1)\n  (b=2) )", "(! (a=1))",
]  # fmt: skip
BAD_FILTERS = [
    "(a=1", "(a=1))", "a=1", "()", "(&(a=1)", "((a=1))", "(=x)", "(a b=1)", r"(a=\zz)", "(a=\\", "(a=(b)", "(!(a=1)(b=2))",
    "(!)", "(a)", "(:=x)", "(a=\0)", "(a=\udc80)", "(a>=*)", "(a=**)", "(a=1)(b=2)", "", "   ", "(" * 500, "(!" * 500 + "(a=1)",
]  # fmt: skip


class TestCheckFilter:
    @pytest.mark.parametrize("text", GOOD_FILTERS)
    def test_accepts_what_rfc_4515_allows(self, text: str) -> None:
        assert check_filter(text) is None

    @pytest.mark.parametrize("text", BAD_FILTERS)
    def test_explains_what_is_wrong(self, text: str) -> None:
        assert check_filter(text)

    def test_names_the_position_as_people_count(self) -> None:
        assert check_filter("(&(a=1)(b=2)") == "Position 13: a closing parenthesis is expected"

    @given(st.text(alphabet="()&|!=*\\<>~: abdn12;"))
    def test_never_fails(self, text: str) -> None:
        assert check_filter(text) is None or isinstance(check_filter(text), str)

    @given(
        st.recursive(
            st.sampled_from(["(a=1)", "(cn=*x*)", "(b>=2)"]),
            lambda inner: (
                st.builds(lambda sign, parts: f"({sign}{''.join(parts)})", st.sampled_from("&|"), st.lists(inner))
                | inner.map(lambda part: f"(!{part})")
            ),
            max_leaves=20,
        )
    )
    def test_accepts_every_nesting_and_refuses_it_without_its_end(self, text: str) -> None:
        assert check_filter(text) is None
        assert check_filter(text[:-1])
