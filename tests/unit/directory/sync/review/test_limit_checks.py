"""When a run is held back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.models import LdapServer
from directory.sync.review.limit_checks import ReadingCounts, Sums, check, check_together, sums_of
from directory.sync.stored.plan_counts import PlanCounts, ServerCounts
from directory.values.plan import Account, Action, Cause, Change, Outcome
from directory.values.server_limits import LIMITS, Counted, Limit, Limits, LimitUnit
from tests.tree import ROOT

READ = ReadingCounts("Corp", entries=1000, last_entries=1000)
ORGS = {2: "Default"}
USUAL = Limits()
NOTHING = Sums()


def sums(key: str, count: int, *, of: int) -> Sums:
    return Sums(Counter({key: count}), {key: of})


def leaving(count: int, *, of: int, cause: Counted = Counted.ABSENT) -> Sums:
    return sums(cause, count, of=of)


def leaving_org(count: int, *, of: int) -> list[str]:
    """Return the reasons when so many users of the org 2 leave."""
    return messages(sums(Counted.ORG_ABSENT.of(2), count, of=of))


def messages(now: Sums, read: ReadingCounts = READ, limits: Limits = USUAL, earlier: Sums = NOTHING) -> list[str]:
    return [reason.message for reason in check(read, now, limits, earlier=earlier, org_names=ORGS)]


class TestDeactivations:
    @pytest.mark.parametrize(
        ("count", "active", "held"),
        [(9, 10, False), (10, 199, True), (10, 200, False), (11, 200, True), (500, 20_000, False), (501, 20_000, True)],
    )
    def test_over_five_percent_are_held_but_never_under_10_and_always_over_500(
        self, count: int, active: int, held: bool
    ) -> None:
        assert bool(messages(leaving(count, of=active))) is held

    def test_are_said_once_where_they_pass_both_limits(self) -> None:
        assert messages(leaving(600, of=1000)) == [
            "Corp: 600 of 1000 active users would be deactivated or blocked (absent from the directory); the limit is 5 %."
        ]
        assert messages(leaving(600, of=100_000)) == [
            (
                "Corp: 600 of 100000 active users would be deactivated or blocked (absent from the directory); "
                "the limit is 500."
            )
        ]

    def test_are_counted_apart_by_cause(self) -> None:
        both = leaving(9, of=100)
        both.add({Counted.INACTIVE: 9}, {Counted.INACTIVE: 100})

        assert messages(both) == []

    def test_of_one_org_are_held_over_20_percent_when_it_has_50_active_users(self) -> None:
        assert leaving_org(10, of=50) == []
        assert leaving_org(11, of=50) == [
            (
                "Corp: 11 of 50 active users of the org Default would be deactivated or blocked (absent from the directory); "
                "the limit is 20 %."
            )
        ]

    def test_of_one_org_count_only_from_50_active_users_on(self) -> None:
        assert leaving_org(11, of=49) == []

    def test_carry_the_mark_for_the_originals_alert(self) -> None:
        reasons = check(READ, leaving(11, of=100), Limits())

        assert any(reason.deactivations for reason in reasons)


class TestReading:
    def test_of_no_entries_is_held(self) -> None:
        assert messages(NOTHING, ReadingCounts("Corp", entries=0)) == ["Corp: the search found no entries at all."]

    @pytest.mark.parametrize(
        ("entries", "before", "held"),
        [(800, 1000, False), (799, 1000, True), (11, 20, False), (10, 20, True), (1, 10, False)],
    )
    def test_of_less_than_80_percent_of_the_last_one_is_held_where_10_or_more_are_missing(
        self, entries: int, before: int, held: bool
    ) -> None:
        assert bool(messages(NOTHING, ReadingCounts("Corp", entries=entries, last_entries=before))) is held

    @pytest.mark.parametrize(
        ("had", "of", "held"), [(10, 200, True), (10, 201, False), (9, 9, False), (400, 500, True)]
    )
    def test_in_which_an_attribute_has_come_from_none_is_held(self, had: int, of: int, held: bool) -> None:
        found = messages(NOTHING, replace(READ, vanished={"memberOf": (had, of)}))

        assert bool(found) is held
        assert not held or f"no entry has the attribute memberOf any more, which {had} of {of} entries had" in found[0]

    def test_without_the_canary_is_held(self) -> None:
        found = messages(NOTHING, replace(READ, canary_found=False), Limits(canary="canary"))

        assert found == ["Corp: the canary entry canary was not found."]

    def test_with_a_configuration_that_was_never_simulated_is_held(self) -> None:
        assert "simulate it first" in messages(NOTHING, replace(READ, configuration_seen=False))[0]


class TestShares:
    @pytest.mark.parametrize(("errors", "of", "held"), [(10, 20, False), (11, 1100, False), (11, 1099, True)])
    def test_script_errors_over_one_percent_and_more_than_10_are_held(self, errors: int, of: int, held: bool) -> None:
        assert bool(messages(sums(Counted.SCRIPT_ERRORS, errors, of=of))) is held

    @pytest.mark.parametrize(
        ("what", "percent"),
        [
            (Counted.MOVES, 20),
            (Counted.ROLE_CHANGES, 20),
            (Counted.PROFILE_CHANGES, 20),
            (Counted.RENAMES, 5),
            (Counted.REACTIVATIONS, 5),
        ],
    )
    def test_over_their_percentage_are_held_but_never_under_10(self, what: Counted, percent: int) -> None:
        assert messages(sums(what, 2 * percent, of=200)) == []
        assert len(messages(sums(what, 2 * percent + 1, of=200))) == 1
        assert messages(sums(what, 9, of=9)) == []
        assert len(messages(sums(what, 10, of=10))) == 1

    @pytest.mark.parametrize(("count", "held"), [(5, False), (6, True)])
    def test_more_than_5_grants_of_a_role_with_admin_are_held(self, count: int, held: bool) -> None:
        assert bool(messages(sums(Counted.ADMIN_GRANTS, count, of=100))) is held

    @pytest.mark.parametrize(("count", "of", "held"), [(8, 8, True), (4, 8, False), (2, 3, True), (2, 2, False)])
    def test_of_the_holders_of_one_role_more_than_half_are_held_where_there_are_3(
        self, count: int, of: int, held: bool
    ) -> None:
        found = messages(sums(Counted.ROLE_LOSSES.of("IT/Admins"), count, of=of))

        sentence = f"Corp: {count} of {of} holders of the role IT/Admins would lose it; the limit is 50 %."
        assert found == ([sentence] if held else [])


class TestManySmallSteps:
    def test_are_one_large_one(self) -> None:
        assert messages(leaving(9, of=45)) == []
        assert messages(leaving(9, of=36), earlier=leaving(9, of=45)) == [
            (
                "Corp: 18 of 45 active users would be deactivated or blocked (absent from the directory) within 24 hours, "
                "9 of them by this run; the limit is 5 %."
            )
        ]

    def test_are_nothing_where_this_run_takes_none(self) -> None:
        assert messages(leaving(0, of=36), earlier=leaving(9, of=45)) == []

    def test_are_counted_for_each_role(self) -> None:
        held = Counted.ROLE_LOSSES.of("Org Admin")
        other = Counted.ROLE_LOSSES.of("Help Desk")

        assert messages(sums(held, 2, of=4), earlier=sums(other, 4, of=8)) == []
        assert len(messages(sums(held, 2, of=4), earlier=sums(held, 4, of=8))) == 1

    def test_are_never_more_than_all(self) -> None:
        everything = Limits({"moves_percent": 100})

        assert messages(sums(Counted.MOVES, 40, of=40), limits=everything, earlier=sums(Counted.MOVES, 40, of=40)) == []

    def test_do_not_count_script_errors_which_come_again_each_time(self) -> None:
        errors = sums(Counted.SCRIPT_ERRORS, 10, of=100)

        assert messages(errors, earlier=errors) == []

    def test_begin_anew_with_what_a_person_has_allowed(self) -> None:
        done = Sums()
        for count, passed in ((9, ()), (30, (Counted.ABSENT,)), (4, ())):
            done.add({Counted.ABSENT: count}, {Counted.ABSENT: 100}, without=passed)

        assert done.counts == {Counted.ABSENT: 4}


class TestServersThatShareAnOrg:
    KEY = Counted.ORG_ABSENT.of(2)

    def together(self, of_corp: int, of_branch: int, **percent: int) -> list[str]:
        servers = {
            "Corp": (sums(self.KEY, of_corp, of=100), Limits({"org_deactivations_percent": percent.get("corp", 20)})),
            "Branch": (
                sums(self.KEY, of_branch, of=100),
                Limits({"org_deactivations_percent": percent.get("branch", 20)}),
            ),
        }
        return [reason.message for reason in check_together(servers, {}, ORGS)]

    def test_pass_a_limit_together_that_each_of_them_keeps(self) -> None:
        assert self.together(15, 15) == [
            (
                "Branch and Corp: 30 of 100 active users of the org Default would be deactivated or blocked "
                "(absent from the directory); the limit is 20 %."
            )
        ]
        assert self.together(10, 10) == []

    def test_may_do_what_the_larger_of_their_limits_allows(self) -> None:
        assert self.together(15, 15, branch=30) == []
        assert self.together(15, 16, branch=30) != []

    def test_share_a_role_by_its_holders(self) -> None:
        key = Counted.ROLE_LOSSES.of("Org Admin")
        servers = {name: (sums(key, 2, of=2), USUAL) for name in ("Corp", "Branch")}

        assert len(check_together(servers, {}, {})) == 1


def account(*, active: bool = True, roles: tuple[str, ...] = (), name: str = "sean") -> Account:
    return Account(name, "", "", "", active, False, False, "Default", 2, frozenset(roles))


def change(before: Account, after: Account, *actions: Action, cause: Cause = Cause.NONE) -> Change:
    return Change(1, Outcome.PLANNED, before, after, (), actions, cause)


class TestWhatIsCounted:
    def of(self, *changes: Change) -> Sums:
        plan_counts = PlanCounts(frozenset({"SYSADMIN"}))
        for each in changes:
            plan_counts.add(each, server=7, evaluated=True)
        return sums_of(7, plan_counts, {("Org Admin", 7): 8, ("Org Admin", 8): 50})

    def test_of_roles_is_each_that_is_lost_of_the_holders_of_that_server(self) -> None:
        found = self.of(change(account(roles=("Org Admin", "PROe User")), account(), Action.SET_ROLES))

        assert found.counts == {Counted.ROLE_CHANGES: 1, "losses of role/Org Admin": 1, "losses of role/PROe User": 1}
        assert (found.wholes["losses of role/Org Admin"], found.wholes["losses of role/PROe User"]) == (8, 1)

    def test_of_who_leaves_is_the_server_and_the_org_and_no_role(self) -> None:
        found = self.of(
            change(account(roles=("Org Admin",)), account(active=False), Action.DEACTIVATE, cause=Cause.SCRIPT),
            change(account(), account()),
        )

        assert found.counts == {Counted.INACTIVE: 1, Counted.ORG_INACTIVE.of(2): 1}
        assert found.wholes == {Counted.INACTIVE: 2, Counted.ORG_INACTIVE.of(2): 2}

    def test_of_who_comes_back_is_only_that(self) -> None:
        found = self.of(
            change(account(active=False), account(name="other"), Action.REACTIVATE, Action.UNBLOCK, Action.RENAME)
        )

        assert found.counts == {Counted.REACTIVATIONS: 1}

    def test_of_names_are_renames_and_what_is_replaced_but_not_what_is_filled_in(self) -> None:
        after = replace(account(name="other"), email="new@example.com", last_name="Ryan")
        before = replace(account(), last_name="Smith")

        assert self.of(change(before, after, Action.RENAME, Action.PROFILE)).counts == {
            Counted.RENAMES: 1,
            Counted.PROFILE_CHANGES: 1,
        }
        assert self.of(change(account(), after, Action.RENAME, Action.PROFILE)).counts == {Counted.RENAMES: 1}


class TestTheTable:
    def test_is_what_the_server_has(self) -> None:
        fields = {field.name: field for field in LdapServer._meta.concrete_fields if field.name.startswith("limit_")}

        assert list(fields) == [limit.setting for limit in LIMITS]
        assert {name: field.default for name, field in fields.items()} == {
            each.setting: each.default for each in LIMITS
        }
        assert LdapServer().limits == Limits({limit.name: limit.default for limit in LIMITS})

    def test_is_in_the_readme(self) -> None:
        readme = (ROOT / "README.md").read_text()

        assert [limit.setting for limit in LIMITS if f"| `{limit.setting}`" not in readme.replace(", `", "| `")] == []

    def test_counts_each_thing_somewhere(self) -> None:
        assert {counted for limit in LIMITS for counted in limit.counted} == set(Counted)

    @pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
    def test_has_numbers_that_are_allowed(self, limit: Limit) -> None:
        assert limit.least <= limit.default <= limit.most
        assert limit.least <= limit.off <= limit.most
        assert limit.default != limit.off
        assert bool(limit.sentence) is bool(limit.counted)
        assert limit.help.endswith(".")


class TestEveryPlan:
    @given(
        st.integers(0, 9), st.integers(0, 10_000), st.sampled_from([each for each in LIMITS if each.never_under > 1])
    )
    def test_with_fewer_than_10_of_anything_is_not_held_for_a_percentage(
        self, count: int, whole: int, limit: Limit
    ) -> None:
        for counted in limit.counted if limit.unit is LimitUnit.PERCENT else ():
            key = counted.of(2) if "of org" in counted else counted
            assert messages(sums(key, count, of=whole)) == []

    @given(st.integers(501, 5_000), st.integers(0, 1_000_000))
    def test_with_more_than_500_deactivations_is_held(self, count: int, more: int) -> None:
        assert messages(leaving(count, of=count + more))

    @given(st.data())
    def test_in_any_number_of_steps_is_held_where_one_step_would_be(self, data: st.DataObject) -> None:
        """Steps that come through never make up more than one that does, as long as nobody allows more."""
        limit = data.draw(st.sampled_from([each for each in LIMITS if each.counted and each.over_time]))
        counted = limit.counted[0]
        key = counted.of(2) if counted in {Counted.ORG_ABSENT, Counted.ROLE_LOSSES} else str(counted)
        whole, done = data.draw(st.integers(0, 1000)), Sums()
        for step in data.draw(st.lists(st.integers(0, 100), max_size=8)):
            now = sums(key, step, of=whole)
            if not messages(now, earlier=done):
                done.add(now.counts, now.wholes)

        assert messages(Sums(done.counts, done.wholes)) == []


def test_a_server_that_decides_nothing_has_nothing_to_hold() -> None:
    assert sums_of(1, PlanCounts(frozenset(), servers={2: ServerCounts(active=5)}), {}) == Sums()
