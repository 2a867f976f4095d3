"""When a person has to type the number of people, and which limits hold an act on many users back."""

from __future__ import annotations

from typing import Any

import pytest

from directory.values.bulk.bulk_limits import BulkFigures, needs_count, passed


def figures(people: int, *, earlier: int = 0, active: int = 10_000, cuts_off: bool = False, **more: Any) -> BulkFigures:
    return BulkFigures(people=people, earlier=earlier, active=active, cuts_off=cuts_off, **more)


@pytest.mark.parametrize(("people", "needed"), [(1, False), (100, False), (101, True)])
def test_more_than_a_hundred_people_have_to_be_counted(people: int, *, needed: bool) -> None:
    assert needs_count(figures(people)) is needed


def test_many_small_acts_count_as_one_large_one() -> None:
    assert needs_count(figures(50, earlier=60))


def test_a_hundred_people_pass_in_any_part() -> None:
    assert passed(figures(100, active=100, cuts_off=True)) == []


def test_shutting_out_more_than_five_percent_is_held_back() -> None:
    assert passed(figures(400, active=8_000, cuts_off=True)) == []
    assert passed(figures(401, active=8_000, cuts_off=True)) == [
        "401 people are more than 5 % of the 8000 active users of your part"
    ]


def test_shutting_out_more_than_five_hundred_is_always_held_back() -> None:
    assert passed(figures(501, active=50_000, cuts_off=True)) == ["501 people would be shut out; the limit is 500"]


def test_changing_more_than_a_fifth_is_held_back() -> None:
    assert passed(figures(2_000)) == []
    assert passed(figures(2_001))


def test_earlier_acts_are_named() -> None:
    assert passed(figures(1_000, earlier=1_500))[-1] == "1500 of them are in your other acts of the last 24 hours"


def test_more_than_five_new_administrators_are_held_back() -> None:
    assert passed(figures(5, grants_admin=True)) == []
    assert passed(figures(6, grants_admin=True))
    assert needs_count(figures(6, grants_admin=True))


def test_earlier_roles_without_admin_do_not_count_as_new_administrators() -> None:
    assert passed(figures(1, earlier=90, grants_admin=True)) == []
    assert passed(figures(1, earlier=90, earlier_admins=5, grants_admin=True)) == [
        "6 people would get a role that holds admin; the limit is 5"
    ]
