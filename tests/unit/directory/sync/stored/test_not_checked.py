"""Whom a run could not check, summed up by LDAP server and reason."""

from __future__ import annotations

from directory.sync.stored.not_checked import MOST, OTHERS, Unchecked, failure, from_json, summed, to_json


def test_the_most_users_come_first() -> None:
    unchecked = summed({("Corp", "a branch is hidden"): 2, ("", "nobody asks"): 7}, [])

    assert unchecked == [Unchecked("", "nobody asks", 7), Unchecked("Corp", "a branch is hidden", 2)]


def test_a_server_that_failed_is_named_although_nobody_was_missed_by_it() -> None:
    [unchecked] = summed({}, [("Corp", "connection refused.")])

    assert unchecked == Unchecked("Corp", "it was not read to its end: connection refused", 0)


def test_who_was_missed_by_a_failed_server_counts_for_it() -> None:
    [unchecked] = summed({("Corp", failure("Corp", "timed out")): 3}, [("Corp", "timed out")])

    assert unchecked.sentence == "Corp: 3 users could not be checked: it was not read to its end: timed out"


def test_one_user_is_no_users() -> None:
    assert Unchecked("", "nobody asks", 1).sentence == "1 user could not be checked: nobody asks"


def test_of_very_many_reasons_the_most_common_are_told_and_the_rest_counted() -> None:
    counted = {("Corp", f"reason {number:03}"): 1 for number in range(MOST + 5)} | {("Corp", "common"): 9}

    unchecked = summed(counted, [])

    assert unchecked[0] == Unchecked("Corp", "common", 9)
    assert sum(each.users for each in unchecked) == MOST + 5 + 9
    assert Unchecked("", OTHERS, 6) in unchecked
    assert len(unchecked) == MOST + 1


def test_a_run_keeps_it_as_it_is() -> None:
    unchecked = summed({("Corp", "a branch is hidden"): 2}, [("Branch", "timed out")])

    assert from_json(to_json(unchecked)) == unchecked
