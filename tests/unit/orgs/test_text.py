"""Names compared, and keys for registration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgs.text import fold, registration_key


class TestFold:
    @pytest.mark.parametrize(
        ("one", "other"), [("Staff", " STAFF "), ("É", "e\u0301"), ("Straße", "STRASSE"), ("a  b", "A B")]
    )
    def test_takes_two_spellings_of_a_name_for_one(self, one: str, other: str) -> None:
        assert fold(one) == fold(other)

    @given(st.text())
    def test_of_a_folded_name_is_the_same(self, text: str) -> None:
        assert fold(fold(text)) == fold(text)


def test_a_registration_key_has_four_groups_of_four() -> None:
    assert [len(group) for group in registration_key().split("-")] == [4, 4, 4, 4]
