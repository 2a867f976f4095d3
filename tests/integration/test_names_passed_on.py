"""Usernames pass from one user to another: one by one, in rings, in long chains and in heaps that nobody can take apart."""

from __future__ import annotations

from itertools import pairwise

import pytest

from directory.models import RunState
from directory.sync.plan import stored_users
from directory.sync.read.read_result import ReadResult
from directory.sync.review import review_stage
from directory.sync.review.limit_checks import Reason
from directory.sync.run_context import RunContext
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import Outcome, StoredUser
from orgs.models import User
from tests.integration.employer import Employer
from tests.worlds import again, change_of, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db


def known_by_id(employer: Employer, *uids: str, **server: object) -> list[User]:
    """Hire people, and have a run find each of their users, so that the immutable ids are known."""
    found = []
    for uid in uids:
        employer.hires(uid)
        found.append(user(uid))
    employer.server(**server)
    simulate_and_sync()
    return found


def rename(employer: Employer, *renames: tuple[str, str]) -> None:
    for old, new in renames:
        employer.directory.rename(employer.dn(old), f"uid={new}")


def swap(employer: Employer, one: str, other: str) -> None:
    """Have two people exchange their usernames: a ring of two."""
    rename(employer, (one, "tmp"), (other, one), ("tmp", other))


def names(*users: User) -> list[str]:
    return [again(each).username for each in users]


class TestUsernamesThatArePassedOn:
    def test_from_one_to_the_next_all_arrive_in_one_run(self, employer: Employer) -> None:
        kim, lee, mia = known_by_id(employer, "kim", "lee", "mia")
        rename(employer, ("mia", "mia2"), ("lee", "mia"), ("kim", "lee"))

        run = sync()

        assert run.state == RunState.APPLIED
        assert names(kim, lee, mia) == ["lee", "mia", "mia2"]
        assert not simulate().changes.exists()

    def test_in_a_ring_all_arrive_in_one_run(self, employer: Employer) -> None:
        kim, lee = known_by_id(employer, "kim", "lee")
        swap(employer, "kim", "lee")

        sync()

        assert names(kim, lee) == ["lee", "kim"]

    def test_stay_where_they_are_when_the_owner_keeps_the_name(self, employer: Employer) -> None:
        kim, lee = known_by_id(employer, "kim", "lee")
        rename(employer, ("lee", "lee2"), ("kim", "lee"))
        User.objects.filter(pk=lee.pk).update(managed_locally=True)

        run = sync()

        assert change_of(run, "kim").outcome == Outcome.CONFLICT
        assert names(kim, lee) == ["kim", "lee"]

    def test_that_two_entries_carry_go_to_neither(self, employer: Employer) -> None:
        (kim,) = known_by_id(employer, "kim")
        rename(employer, ("kim", "new"))
        person = {"objectClass": "inetOrgPerson", "uid": "NEW", "cn": "namesake", "sn": "Nobody"}
        employer.directory.add(f"cn=namesake,{employer.directory.base}", person)

        runs = [sync(), sync()]

        assert [change_of(run, "kim").outcome for run in runs] == [Outcome.CONFLICT, Outcome.CONFLICT]
        assert names(kim) == ["kim"]

    def test_in_a_ring_arrive_beside_a_user_whose_change_is_refused(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kim, lee, _ = known_by_id(employer, "kim", "lee", "odd")
        swap(employer, "kim", "lee")
        rename(employer, ("odd", "even"))
        check_limits = review_stage.check_limits

        def take_the_name(context: RunContext, read: ReadResult, plan_counts: PlanCounts) -> list[Reason]:
            user("even", org_name="ADMIN")
            return check_limits(context, read, plan_counts)

        monkeypatch.setattr(review_stage, "check_limits", take_the_name)

        run = sync()

        assert change_of(run, "odd").outcome == Outcome.REFUSED
        assert names(kim, lee) == ["lee", "kim"]

    def test_in_a_ring_arrive_in_the_run_that_hands_the_last_sysadmin_on(self, employer: Employer) -> None:
        User.objects.sysadmins().update(blocked=True, blocked_by="person")
        kim, lee = known_by_id(employer, "kim", "lee", grantable_roles=["SYSADMIN", "Desktop User"])
        employer.hires("sean", title="Desktop User")
        employer.hires("mia", title="SYSADMIN")
        sean, mia = user("sean", roles=["SYSADMIN"]), user("mia")
        swap(employer, "kim", "lee")

        sync()

        assert names(kim, lee) == ["lee", "kim"]
        assert set(User.objects.sysadmins().filter(pk__in=[sean.pk, mia.pk])) == {mia}


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of users that each look at the stored users has loaded so far."""
    load, sizes = stored_users.load, list[int]()

    def counted(user_ids: list[int], *, lock: bool = False) -> dict[int, StoredUser]:
        sizes.append(len(user_ids))
        return load(user_ids, lock=lock)

    monkeypatch.setattr(stored_users, "load", counted)
    return sizes


class TestManyNamesAtOnce:
    """People whose username is their entry's description, so that it changes without their DN."""

    def described(self, employer: Employer, people: list[str]) -> None:
        for each in people:
            employer.hires(each, description=each)
            user(each)
        employer.server(username_attribute="description")
        simulate_and_sync()

    def test_in_a_long_chain_all_move_up_by_one(self, employer: Employer, loads: list[int]) -> None:
        many = 120
        people = [f"p{number:03}" for number in range(many + 1)]
        self.described(employer, people[:-1])
        for old, new in pairwise(people):
            employer.directory.modify(employer.dn(old), {"description": new})
        loads.clear()

        run = simulate()

        assert run.state == RunState.PLANNED
        assert run.changes.filter(outcome=Outcome.PLANNED).count() == many
        assert len(loads) < 10 * many

    @pytest.mark.parametrize("many", [4, 7])
    def test_in_a_heap_cost_no_more_than_its_size(self, employer: Employer, loads: list[int], many: int) -> None:
        team = [f"t{number}" for number in range(many)]
        self.described(employer, team)
        for place, each in enumerate(team):
            employer.directory.modify(employer.dn(each), {"description": team[place + 1 :] + team[:place]})
        loads.clear()

        run = simulate()

        assert run.changes.filter(outcome=Outcome.CONFLICT).count() == many
        assert many < len(loads) < 10 * many
