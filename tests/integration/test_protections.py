"""Nobody is taken for somebody else, nobody's work is undone, and a plan is only carried out where it still holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from directory import invariants
from directory.actions import run_start_and_cancel, stored_plans
from directory.models import Match, Run, RunState, Trigger
from directory.provisioning import creation
from directory.provisioning.applicants import Applicant
from directory.sync import pipeline
from directory.values.plan import Outcome
from orgs.actions import legal_holds
from orgs.actions import orgs as org_actions
from orgs.actions import roles as role_actions
from orgs.actions.errors import Refused
from orgs.actions.users import deactivation, org_moves, user_profiles
from orgs.models import Archive, ArchiveState, CreatedBy, Role, SetBy, User
from orgs.rules.actors import SYSTEM, Actor
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.worlds import (
    NOON,
    Clock,
    again,
    change_of,
    device,
    org,
    simulate,
    simulate_and_sync,
    sync,
    user,
)

pytestmark = pytest.mark.django_db

ADA = Actor("ada")
# In a directory of two people, one who leaves is half of the entries.
FEW = {"limit_entries_percent": 1}


@pytest.fixture
def branch() -> Iterator[Employer]:
    """A second directory."""
    with Directory() as directory:
        yield Employer(directory)


def hold(held: User) -> None:
    matter = legal_holds.open_matter(name="Lease", by=ADA, at=NOON)
    legal_holds.add_custodians(matter=matter, user_ids=[held.pk], by=ADA, at=NOON)


def applied(plan: Run) -> Run:
    run = stored_plans.apply_plan(run=plan, by=ADA, at=NOON, wake=False)
    pipeline.execute(run.pk, clock=Clock())
    run.refresh_from_db()
    return run


class TestAUsernameUnderAnotherImmutableId:
    @pytest.mark.parametrize("at_first", ["inactive", "broken"])
    def test_of_a_deactivated_user_is_a_conflict_whatever_the_scripts_first_say_of_the_newcomer(
        self, employer: Employer, at_first: str
    ) -> None:
        employer.hires("mia")
        employer.hires("sean")
        sean = user("sean")
        script = 'function (e) { if (e.employeeType == "broken") { throw "?" } return e.employeeType != "inactive" }'
        employer.server(active_script=script, **FEW)
        simulate_and_sync()
        employer.directory.delete(employer.dn("sean"))
        sync()
        employer.hires("sean", employeeType=at_first)

        first = sync()
        employer.directory.modify(employer.dn("sean"), {"employeeType": "active"})
        second = sync()

        assert [change_of(run, "sean").outcome for run in (first, second)] == [Outcome.CONFLICT] * 2
        assert not again(sean).active

    def test_and_the_same_name_of_an_active_user_is_taken_on(self, employer: Employer) -> None:
        employer.hires("sean", givenName="Sean")
        sean = user("sean")
        employer.server()
        simulate_and_sync()
        before = Match.objects.get().unique_id
        employer.directory.delete(employer.dn("sean"))
        employer.hires("sean", givenName="Sean")

        run = sync()

        after = Match.objects.get().unique_id
        assert before != after
        assert change_of(run, "sean").warnings == [f"The immutable id was {before} and is now {after}"]
        assert again(sean).active


class TestClaims:
    def test_by_immutable_id_on_a_later_server_beats_a_username_on_an_earlier_one(
        self, employer: Employer, branch: Employer
    ) -> None:
        employer.hires("mia")
        branch.hires("sean")
        sean = user("sean")
        employer.server()
        second = branch.server(name="Branch")
        simulate_and_sync()
        employer.hires("sean", employeeType="inactive")

        sync()

        assert again(sean).active
        assert again(sean).match.server == second

    def test_by_an_id_that_is_only_unique_on_its_server_do_not_reach_other_servers(
        self, employer: Employer, branch: Employer
    ) -> None:
        employer.hires("mia", employeeNumber="1")
        employer.hires("sean", employeeNumber="5")
        branch.hires("zoe", employeeNumber="5")
        sean = user("sean")
        employer.server(unique_id_attribute="employeeNumber", **FEW)
        branch.server(name="Branch", unique_id_attribute="employeeNumber")
        simulate_and_sync()
        employer.directory.delete(employer.dn("sean"))

        run = sync()

        assert change_of(run, "sean").actions == ["block", "deactivate"]
        assert again(sean).username == "sean"

    def test_of_three_users_to_one_entry_are_a_conflict_for_all(self, employer: Employer) -> None:
        names = ["sean", "mia", "tom"]
        person = {"objectClass": "inetOrgPerson", "uid": names, "cn": "Sean", "sn": "Ryan"}
        employer.directory.add(employer.dn("sean"), person)
        claimants = [user(name) for name in names]
        employer.server()

        run = simulate_and_sync()

        assert [change_of(run, name).outcome for name in names] == [Outcome.CONFLICT] * 3
        assert all(again(claimant).active for claimant in claimants)

    def test_to_a_name_that_is_too_long_once_it_is_folded_are_a_conflict_and_others_go_on(
        self, employer: Employer
    ) -> None:
        employer.hires("sean", description="sean")
        employer.hires("mia", description="mia")
        sean, mia = user("sean"), user("mia")
        employer.server(username_attribute="description")
        simulate_and_sync()
        employer.directory.modify(employer.dn("sean"), {"description": "\N{LATIN SMALL LIGATURE FFI}" * 200})
        employer.directory.modify(employer.dn("mia"), {"givenName": "Mia"})

        run = sync()

        assert run.state == RunState.APPLIED
        assert change_of(run, "sean").outcome == Outcome.CONFLICT
        assert (again(sean).username, again(mia).first_name) == ("sean", "Mia")


class TestWhoComesWhileTheDirectoryIsRead:
    def run_in_which(self, happens: Callable[[], object]) -> Run:
        run = run_start_and_cancel.start(
            servers=(), simulated=False, trigger=Trigger.COMMAND, by=SYSTEM, at=NOON, wake=False
        )
        waiting = [happens]

        def follow(phase: str, done: int, _total: int | None) -> None:
            if phase.startswith("reading") and done and waiting:
                waiting.pop()()

        pipeline.execute(run.pk, clock=Clock(), progress=follow)
        run.refresh_from_db()
        return run

    def test_into_the_scope_is_not_checked(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.hires("sean")
        sean = user("sean", org_name="ADMIN")
        employer.server()
        simulate()

        run = self.run_in_which(lambda: org_moves.move(moves={sean.pk: org("Default").pk}, by=ADA, at=NOON))

        assert run.state == RunState.APPLIED
        assert change_of(run, "sean").outcome == Outcome.NOT_CHECKED
        assert again(sean).active

    def test_to_a_new_username_is_not_checked(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.hires("sean")
        sean = user("sryan")
        employer.server()
        simulate()
        renamed = {sean.pk: user_profiles.Profile("sean")}

        run = self.run_in_which(lambda: user_profiles.update_profiles(profiles=renamed, by=ADA, at=NOON))

        assert run.state == RunState.APPLIED
        assert change_of(run, "sean").outcome == Outcome.NOT_CHECKED
        assert again(sean).active


class TestWhatAPersonWants:
    def test_a_pending_deactivation_is_not_undone_by_a_sync(self, employer: Employer) -> None:
        employer.hires("sean")
        sean = user("sean")
        employer.server()
        simulate_and_sync()
        hold(sean)
        deactivation.deactivate(user_ids=[sean.pk], by=ADA, at=NOON)

        run = sync()

        assert change_of(run, "sean").outcome == Outcome.KEPT
        assert (again(sean).pending, again(sean).blocked) == (True, True)

    def test_is_theirs_from_then_on_even_when_a_sync_has_set_it_already(self, employer: Employer) -> None:
        employer.hires("mia")
        sean = user("sean")
        hold(sean)
        employer.server()
        simulate_and_sync()
        set_by_sync = again(sean)
        deactivation.deactivate(user_ids=[sean.pk], by=ADA, at=NOON)
        employer.hires("sean")

        run = sync()

        found = again(sean)
        assert (set_by_sync.pending_by, set_by_sync.blocked_by) == (SetBy.SYNC, SetBy.SYNC)
        assert (found.pending_by, found.blocked_by) == (SetBy.PERSON, SetBy.PERSON)
        assert change_of(run, "sean").outcome == Outcome.KEPT

    def test_is_noticed_by_a_plan_when_only_the_one_who_set_a_state_is_another(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.hires("sean", employeeType="inactive")
        sean = user("sean")
        employer.server()
        simulate_and_sync()
        employer.directory.modify(employer.dn("sean"), {"employeeType": "active"})
        plan = simulate()
        deactivation.reactivate(user_ids=[sean.pk], by=ADA, at=NOON)
        deactivation.deactivate(user_ids=[sean.pk], by=ADA, at=NOON)

        run = applied(plan)

        assert "reactivate" in change_of(plan, "sean").actions
        assert change_of(run, "sean").outcome == Outcome.CHANGED_MEANWHILE
        assert not again(sean).active


class TestAPlan:
    def test_is_refused_after_the_org_has_left_the_scope(self, employer: Employer) -> None:
        employer.hires("mia")
        sean = user("sean")
        employer.server()
        plan = simulate()
        org_actions.change(org=org("Default"), by=ADA, at=NOON, directory_service="local")

        with pytest.raises(Refused, match="which orgs ask Corp"):
            applied(plan)

        assert again(sean).active

    def test_is_refused_after_the_server_may_grant_other_roles(self, employer: Employer) -> None:
        employer.hires("sean", title="Org Admin")
        user("sean")
        employer.server(grantable_roles=["Org Admin"])
        plan = simulate()
        employer.server(grantable_roles=["PROe User"])

        with pytest.raises(Refused, match="what Corp may grant has changed"):
            applied(plan)

    def test_is_refused_after_a_role_that_the_server_may_grant_allows_more(self, employer: Employer) -> None:
        role = role_actions.save(role=None, name="Auditor", permissions=[], by=SYSTEM, at=NOON)
        employer.hires("sean", title="Auditor")
        user("sean")
        employer.server(grantable_roles=["Auditor"])
        plan = simulate()
        role_actions.save(role=role, name="Auditor", permissions=["admin"], by=SYSTEM, at=NOON)

        with pytest.raises(Refused, match="what Corp may grant has changed"):
            applied(plan)

    def test_moves_nobody_to_an_org_that_asks_other_servers(self, employer: Employer, branch: Employer) -> None:
        org("Lab")
        employer.hires("sean", departmentNumber="Lab")
        branch.hires("zoe")
        sean = user("sean")
        employer.server()
        branch.server(name="Branch", orgs=["Lab"])

        run = simulate_and_sync()

        assert "Lab does not ask Corp, where this user is: stays in Default" in change_of(run, "sean").warnings
        assert again(sean).org.name == "Default"

    def test_gives_no_default_role_that_holds_admin_where_the_server_may_not_grant_it(self, employer: Employer) -> None:
        employer.hires("sean")
        sean = user("sean")
        defaults = list(Role.objects.filter(name__in=["SYSADMIN", "PROe User"]))
        org_actions.change(org=org("Default"), by=ADA, at=NOON, default_roles=defaults, own_default_roles=True)
        employer.server(role_name_script="function (entry) { return [] }", grantable_roles=["Org Admin"])

        simulate_and_sync()

        assert [role.name for role in again(sean).roles.all()] == ["PROe User"]


class TestTheLimitOfOneOrg:
    def test_counts_its_users_over_all_servers(self, employer: Employer, branch: Employer) -> None:
        for number in range(40):
            employer.hires(f"user{number}")
        branch.hires("zoe")
        for number in range(52):
            user(f"user{number}", org_name="Staff")
        limits = {"limit_deactivations_percent": 100, "limit_org_deactivations_percent": 20}
        employer.server(orgs=["Staff"], **limits)
        branch.server(name="Branch", orgs=["Staff"], **limits)

        run = simulate_and_sync()

        assert run.state == RunState.HELD_BACK
        assert "12 of 52 active users of the org Staff would be deactivated" in run.held_back[0]
        assert not User.objects.filter(active=False).exists()


class TestCreating:
    def test_refuses_a_second_user_for_a_known_immutable_id(self, employer: Employer) -> None:
        employer.hires("sean")
        user("sean")
        employer.server()
        simulate_and_sync()
        employer.directory.rename(employer.dn("sean"), "uid=sryan")
        applicant = Applicant(user_profiles.Profile("sryan"), org("Default"))

        made = creation.create([applicant], created_by=CreatedBy.SELF_SERVICE, by=SYSTEM, at=NOON)

        assert made.refused == {"sryan": "not created: this person is the user sean already"}
        assert not User.objects.filter(username="sryan").exists()


class TestDeactivating:
    def test_sends_the_archives_of_a_device_that_was_off_before_to_cold_storage_as_well(self) -> None:
        sean = user("sean")
        laptop = device(sean)
        deactivation.deactivate(user_ids=[sean.pk], by=ADA, at=NOON)
        deactivation.reactivate(user_ids=[sean.pk], by=ADA, at=NOON, with_devices=False)
        before = Archive.objects.get(device=laptop).state

        deactivation.deactivate(user_ids=[sean.pk], by=ADA, at=NOON)

        assert (before, Archive.objects.get(device=laptop).state) == (ArchiveState.LIVE, ArchiveState.COLD_STORAGE)


def test_a_hold_that_waited_for_a_deactivation_began_after_it() -> None:
    sean = user("sean")
    matter = legal_holds.open_matter(name="Inquiry", by=ADA, at=NOON)
    deactivation.deactivate(user_ids=[sean.pk], by=SYSTEM, at=NOON + timedelta(seconds=1))

    # Asked for first, but the other one had the user by then.
    legal_holds.add_custodians(matter=matter, user_ids=[sean.pk], by=ADA, at=NOON)

    assert [each.rule for each in invariants.broken(at=NOON + timedelta(days=1))] == []
