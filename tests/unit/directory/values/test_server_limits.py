"""The table of limits fits together: each has its words, its bounds, and a number with which it holds nothing back."""

from __future__ import annotations

import string

import pytest

from directory.values.server_limits import BY_NAME, LIMITS, NEVER_HELD_UNDER, Counted, Limit, Limits, LimitUnit

each_limit = pytest.mark.parametrize("limit", LIMITS, ids=[limit.name for limit in LIMITS])


@each_limit
class TestALimit:
    def test_has_its_default_and_its_off_within_its_bounds(self, limit: Limit) -> None:
        assert limit.least <= limit.default <= limit.most
        assert limit.least <= limit.off <= limit.most

    def test_is_on_by_default_and_off_where_it_says_so(self, limit: Limit) -> None:
        assert not limit.is_off(limit.default)
        assert limit.is_off(limit.off)
        assert limit.is_off(limit.nearly_off)

    def test_says_what_it_counts_with_names_that_a_review_fills_in(self, limit: Limit) -> None:
        names = {name for _, name, _, _ in string.Formatter().parse(limit.sentence) if name}

        assert bool(limit.counted) == bool(limit.sentence)
        assert names <= {"count", "whole", "subject", "users", "cause"}

    def test_is_found_by_its_name_and_set_by_its_setting(self, limit: Limit) -> None:
        assert BY_NAME[limit.name] is limit
        assert limit.setting == f"limit_{limit.name}"


def test_no_two_limits_have_the_same_label() -> None:
    assert len({limit.label for limit in LIMITS}) == len(LIMITS)


def test_a_limit_that_is_lower_when_it_is_stricter_is_off_from_a_number_on() -> None:
    limit = Limit("x", 20, "x", "x")

    assert [limit.is_off(number) for number in (20, 89, 90, 100)] == [False, False, True, True]


def test_a_limit_that_is_higher_when_it_is_stricter_is_off_down_to_a_number() -> None:
    limit = Limit("x", 80, "x", "x", off=1)

    assert [limit.is_off(number) for number in (80, 11, 10, 1)] == [False, False, True, True]


def test_a_count_is_off_from_a_tenth_of_its_most_on() -> None:
    limit = Limit("x", 500, "x", "x", unit=LimitUnit.COUNT, most=1000, off=1000)

    assert [limit.is_off(number) for number in (99, 100)] == [False, True]


def test_what_is_counted_of_one_org_has_a_key_of_its_own() -> None:
    assert Counted.ORG_ABSENT.of(7) == "absent of org/7"
    assert len({counted.of(7) for counted in Counted}) == len(Counted)


class TestTheLimitsOfAServer:
    def test_are_the_defaults_where_nothing_is_set(self) -> None:
        assert Limits().of("moves_percent") == BY_NAME["moves_percent"].default

    def test_are_the_servers_own_where_it_has_some_zero_too(self) -> None:
        assert Limits({"admin_grants": 0}).of("admin_grants") == 0


def test_the_help_of_a_share_says_how_few_are_always_allowed() -> None:
    assert f"Fewer than {NEVER_HELD_UNDER} never hold a run back." in BY_NAME["moves_percent"].help
