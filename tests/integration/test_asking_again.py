"""Before someone is cut off or made powerful, a run asks again; and names and roles pass from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from directory.models import Absence, RunState
from directory.sync.sandbox import Sandbox
from directory.sync.second_look import CONFIRMED
from directory.sync.values import Entry, Outcome, Verdict
from orgs.models import User
from tests.integration.employer import Employer
from tests.worlds import NOON, again, change_of, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db


class TestASecondOpinion:
    def test_is_taken_of_everyone_whom_the_active_script_would_cut_off(self, employer: Employer) -> None:
        employer.hires("sean", employeeType="inactive")
        employer.server()
        user("sean")

        run = simulate()

        assert CONFIRMED in change_of(run, "sean").steps

    def test_that_differs_changes_nothing_and_is_a_script_error(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("sean", employeeType="inactive")
        employer.hires("mia", employeeType="inactive")
        employer.server()
        sean, mia = user("sean"), user("mia")
        honest = Sandbox.second_opinions

        def moody(sandbox: Sandbox, entries: Sequence[Entry]) -> list[Verdict]:
            said = zip(entries, honest(sandbox, entries), strict=True)
            return [Verdict() if entry.dn == employer.dn("sean") else verdict for entry, verdict in said]

        monkeypatch.setattr(Sandbox, "second_opinions", moody)

        run = simulate_and_sync()

        change = change_of(run, "sean")
        assert change.outcome == Outcome.SCRIPT_ERROR
        assert "another answer" in change.steps[-1]
        assert (again(sean).active, again(mia).active) == (True, False)

    def test_is_taken_of_a_grant_that_opens_every_org(self, employer: Employer) -> None:
        employer.hires("sean", title="All Org Admin")
        employer.hires("mia", title="Org Admin")
        employer.server(grantable_roles=["All Org Admin", "Org Admin"])
        user("sean")
        user("mia")

        run = simulate()

        assert CONFIRMED in change_of(run, "sean").steps
        assert CONFIRMED not in change_of(run, "mia").steps


class TestUsernamesThatArePassedOn:
    def names(self, *users: User) -> list[str]:
        return [again(each).username for each in users]

    def known_by_id(self, employer: Employer, *uids: str) -> list[User]:
        users = []
        for uid in uids:
            employer.hires(uid)
            users.append(user(uid))
        employer.server()
        simulate_and_sync()
        return users

    def rename(self, employer: Employer, old: str, new: str) -> None:
        employer.directory.rename(employer.dn(old), f"uid={new}")

    def test_from_one_to_the_next_all_arrive_in_one_run(self, employer: Employer) -> None:
        kim, lee, mia = self.known_by_id(employer, "kim", "lee", "mia")
        for old, new in (("mia", "mia2"), ("lee", "mia"), ("kim", "lee")):
            self.rename(employer, old, new)

        run = sync()

        assert run.state == RunState.APPLIED
        assert self.names(kim, lee, mia) == ["lee", "mia", "mia2"]
        assert not simulate().changes.exists()

    def test_in_a_ring_all_arrive_in_one_run(self, employer: Employer) -> None:
        kim, lee = self.known_by_id(employer, "kim", "lee")
        for old, new in (("kim", "tmp"), ("lee", "kim"), ("tmp", "lee")):
            self.rename(employer, old, new)

        sync()

        assert self.names(kim, lee) == ["lee", "kim"]

    def test_stay_where_they_are_when_the_owner_keeps_the_name(self, employer: Employer) -> None:
        kim, lee = self.known_by_id(employer, "kim", "lee")
        self.rename(employer, "lee", "lee2")
        self.rename(employer, "kim", "lee")
        User.objects.filter(pk=lee.pk).update(managed_locally=True)

        run = sync()

        assert change_of(run, "kim").outcome == Outcome.CONFLICT
        assert self.names(kim, lee) == ["kim", "lee"]


class TestTheLastSysadmin:
    def test_may_go_in_the_run_that_makes_another_one(self, employer: Employer) -> None:
        User.objects.sysadmins().update(blocked=True, blocked_by="person")
        employer.hires("sean", title="Desktop User")
        employer.hires("mia", title="SYSADMIN")
        employer.server(grantable_roles=["SYSADMIN", "Desktop User"])
        sean, mia = user("sean", roles=["SYSADMIN"]), user("mia")

        simulate_and_sync()

        assert set(again(mia).roles.values_list("name", flat=True)) == {"SYSADMIN"}
        assert set(again(sean).roles.values_list("name", flat=True)) == {"Desktop User"}
        assert not simulate().changes.exists()


class TestPatienceWithTheAbsent:
    def test_waits_for_as_many_syncs_in_a_row_as_the_server_asks_for(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server(absence_runs=3)
        sean = user("sean")
        user("mia")
        simulate()

        first, second = sync(), sync()
        waited = again(sean).active
        third = sync()

        assert [change_of(run, "sean").outcome for run in (first, second, third)] == [
            Outcome.WAITING,
            Outcome.WAITING,
            Outcome.APPLIED,
        ]
        assert (waited, again(sean).active) == (True, False)
        assert "absent in 2 of the 3 syncs" in change_of(second, "sean").steps[-1]
        assert first.warnings == ["1 absent user waits: see their steps."]
        assert not Absence.objects.exists()

    def test_waits_for_as_many_hours_as_the_server_asks_for(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server(absence_hours=24)
        sean = user("sean")
        simulate()
        sync()

        early = sync(at=NOON + timedelta(hours=23))
        late = sync(at=NOON + timedelta(hours=25))

        assert change_of(early, "sean").outcome == Outcome.WAITING
        assert change_of(late, "sean").outcome == Outcome.APPLIED
        assert not again(sean).active

    def test_starts_again_once_the_user_was_found(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server(absence_runs=2)
        sean = user("sean")
        simulate()
        sync()
        employer.hires("sean")
        sync()
        employer.directory.delete(employer.dn("sean"))

        run = sync()

        assert change_of(run, "sean").outcome == Outcome.WAITING
        assert again(sean).active

    def test_is_not_counted_by_a_simulation(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server(absence_runs=2)
        user("sean")

        simulate()
        simulate()

        assert not Absence.objects.exists()
