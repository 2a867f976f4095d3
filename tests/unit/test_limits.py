"""When a run is held back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.sync.limits import Read, check, check_orgs
from directory.sync.tally import ServerTally, Tally
from directory.sync.values import Cause, Limits

READ = Read("Corp", entries=1000, last_entries=1000)


def leaving(count: int, *, of: int, cause: Cause = Cause.ABSENT) -> ServerTally:
    return ServerTally(active=of, evaluated=of, leaving=Counter({cause: count}))


def leaving_org(count: int, *, of: int) -> list[str]:
    """Return the reasons when so many users of the org 2 leave, whichever servers they are in."""
    tally = Tally(frozenset(), active_by_org=Counter({2: of}), leaving_by_org=Counter({(2, Cause.ABSENT): count}))
    return [reason.message for reason in check_orgs(tally, names={2: "Default"}, percents={2: 20})]


USUAL = Limits()


def messages(tally: ServerTally, read: Read = READ, limits: Limits = USUAL) -> list[str]:
    return [reason.message for reason in check(read, tally, limits)]


class TestDeactivations:
    @pytest.mark.parametrize(
        ("count", "active", "held"),
        [(9, 10, False), (10, 199, True), (10, 200, False), (11, 200, True), (500, 20_000, False), (501, 20_000, True)],
    )
    def test_over_five_percent_are_held_but_never_under_10_and_always_over_500(
        self, count: int, active: int, held: bool
    ) -> None:
        tally = leaving(count, of=active)

        assert bool(messages(tally)) is held

    def test_are_counted_apart_by_cause(self) -> None:
        tally = leaving(9, of=100)
        tally.leaving[Cause.SCRIPT] = 9

        assert messages(tally) == []

    def test_of_one_org_are_held_over_20_percent_when_it_has_50_active_users(self) -> None:
        assert leaving_org(10, of=50) == []
        assert leaving_org(11, of=50) == [
            (
                "11 of 50 active users of the org Default would be deactivated or blocked (absent from the directory); "
                "the limit for one org is 20 %."
            )
        ]

    def test_of_one_org_count_only_from_50_active_users_on(self) -> None:
        assert leaving_org(11, of=49) == []

    def test_carry_the_mark_for_the_originals_alert(self) -> None:
        reasons = check(READ, leaving(11, of=100), Limits())

        assert any(reason.deactivations for reason in reasons)


class TestReading:
    def test_of_no_entries_is_held(self) -> None:
        assert messages(ServerTally(), Read("Corp", entries=0)) == ["Corp: the search found no entries at all."]

    @pytest.mark.parametrize(("entries", "held"), [(800, False), (799, True)])
    def test_of_less_than_80_percent_of_the_last_one_is_held(self, entries: int, held: bool) -> None:
        assert bool(messages(ServerTally(), replace(READ, entries=entries))) is held

    def test_without_the_canary_is_held(self) -> None:
        found = messages(ServerTally(), replace(READ, canary_seen=False), Limits(canary="canary"))

        assert found == ["Corp: the canary entry canary was not found."]

    def test_with_a_configuration_that_was_never_simulated_is_held(self) -> None:
        assert "simulate it first" in messages(ServerTally(), replace(READ, configuration_seen=False))[0]


def shares(what: str, count: int) -> ServerTally:
    """Return the tally of 100 active users of whom so many move, or have other roles."""
    tally = ServerTally(active=100)
    setattr(tally, what, count)
    return tally


class TestShares:
    @pytest.mark.parametrize(("errors", "of", "held"), [(10, 20, False), (11, 1100, False), (11, 1099, True)])
    def test_script_errors_over_one_percent_and_more_than_10_are_held(self, errors: int, of: int, held: bool) -> None:
        assert bool(messages(ServerTally(active=of, evaluated=of, script_errors=errors))) is held

    @pytest.mark.parametrize("what", ["moves", "role_changes"])
    @pytest.mark.parametrize(("count", "held"), [(20, False), (21, True)])
    def test_moves_and_role_changes_over_20_percent_are_held(self, what: str, count: int, held: bool) -> None:
        assert bool(messages(shares(what, count))) is held

    @pytest.mark.parametrize(("count", "held"), [(5, False), (6, True)])
    def test_more_than_5_grants_of_a_role_with_admin_are_held(self, count: int, held: bool) -> None:
        assert bool(messages(ServerTally(active=100, admin_grants=count))) is held


class TestEveryPlan:
    @given(st.integers(0, 9), st.integers(0, 10_000))
    def test_with_fewer_than_10_deactivations_is_not_held_for_them(self, count: int, active: int) -> None:
        assert messages(leaving(count, of=active)) == []

    @given(st.integers(501, 5_000), st.integers(0, 1_000_000))
    def test_with_more_than_500_deactivations_is_held(self, count: int, more: int) -> None:
        assert messages(leaving(count, of=count + more))
