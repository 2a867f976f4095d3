"""The decision table, each row by its name, on a real slapd: simulated, applied, and nothing left for the next run."""

from __future__ import annotations

import pytest

from directory.actions import stored_plans
from directory.models import Match, Run, RunState, StoredEntry
from directory.sync import pipeline
from directory.values.plan import Outcome
from orgs.actions import legal_holds
from orgs.actions.errors import Refused
from orgs.actions.users import blocking, deactivation, local_passwords
from orgs.models import AuditEntry, Org, SetBy, User
from orgs.rules.actors import SYSTEM, Actor
from tests.directories import Directory
from tests.integration.employer import PLENTY, Employer
from tests.worlds import (
    NOON,
    Clock,
    again,
    change_of,
    device,
    ldap_server,
    org,
    simulate,
    simulate_and_sync,
    sync,
    user,
)

pytestmark = pytest.mark.django_db

SYNC = Actor("an earlier sync", run_id=1)


def hold(*held: User) -> object:
    matter = legal_holds.open_matter(name="Lease", by=SYSTEM, at=NOON)
    legal_holds.add_custodians(matter=matter, user_ids=[user.pk for user in held], by=SYSTEM, at=NOON)
    return matter


def plans_nothing_more() -> bool:
    return not simulate().changes.filter(outcome=Outcome.PLANNED).exists()


class TestFoundActive:
    def test_active_any_hold_names_email_org_and_roles_where_they_differ(self, employer: Employer) -> None:
        employer.hires("sean", givenName="Sean", mail="sean@example.com", departmentNumber="staff", title="Org Admin")
        org("Staff")
        sean, mia = user("SEAN", roles=["PROe User"]), user("mia")
        employer.hires("mia", departmentNumber="Default")
        hold(mia)
        employer.server()

        run = simulate_and_sync()

        assert run.state == RunState.APPLIED
        found = again(sean)
        assert (found.username, found.email, found.first_name, found.last_name) == (
            # In any letter case it is the same username, and the directory's spelling counts.
            "sean",
            "sean@example.com",
            "Sean",
            "Sean",
        )
        assert found.org.name == "Staff"
        assert [role.name for role in found.roles.all()] == ["Org Admin"]
        assert change_of(run, "mia").actions == ["update profile"]
        assert plans_nothing_more()

    def test_whose_roles_change_is_signed_out_whether_they_move_or_not(self, employer: Employer) -> None:
        org("Staff")
        employer.hires("sean", departmentNumber="Staff", title="Org Admin")
        employer.hires("mia", departmentNumber="Staff", title="Org Admin")
        employer.hires("tom", departmentNumber="Staff")
        people = [user("sean"), user("mia", org_name="Staff"), user("tom")]
        before = {one.username: one.get_session_auth_hash() for one in people}
        employer.server()

        simulate_and_sync()

        assert {again(one).org.name for one in people} == {"Staff"}
        signed_out = {one.username for one in people if again(one).get_session_auth_hash() != before[one.username]}
        assert signed_out == {"sean", "mia"}

    def test_deactivated_by_a_sync_reactivate_and_unblock_then_org_and_roles(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Staff", title="Org Admin")
        org("Staff")
        sean = user("sean")
        laptop = device(sean)
        blocking.block(user_ids=[sean.pk], by=SYNC, at=NOON)
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)
        employer.server()

        run = simulate_and_sync()

        assert change_of(run, "sean").actions == ["reactivate", "unblock", "update profile", "move", "set roles"]
        assert (again(sean).active, again(sean).blocked, again(sean).org.name) == (True, False, "Staff")
        laptop.refresh_from_db()
        assert (laptop.active, laptop.archives.get().state) == (True, "live")
        assert plans_nothing_more()

    @pytest.mark.parametrize("done", [deactivation.deactivate, blocking.block])
    def test_deactivated_or_blocked_by_a_person_none_listed_as_such(self, employer: Employer, done) -> None:  # type: ignore[no-untyped-def]
        employer.hires("sean", departmentNumber="Staff")
        org("Staff")
        sean = user("sean")
        done(user_ids=[sean.pk], by=SYSTEM, at=NOON)
        employer.server()

        run = simulate_and_sync()

        change = change_of(run, "sean")
        assert (change.outcome, change.actions) == (Outcome.KEPT, [])
        assert "by a person" in change.steps[-1]
        assert again(sean).org.name == "Default"

    def test_blocked_by_a_sync_with_deactivation_pending_on_hold_unblock_pending_cleared(
        self, employer: Employer
    ) -> None:
        employer.hires("sean", departmentNumber="Default")
        sean = user("sean", last_name="Sean")
        hold(sean)
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)
        employer.server()

        run = simulate_and_sync()

        assert change_of(run, "sean").actions == ["unblock", "clear pending"]
        assert (again(sean).active, again(sean).blocked, again(sean).pending) == (True, False, False)
        assert plans_nothing_more()


class TestFoundInactiveOrAbsent:
    @pytest.mark.parametrize("found_as", ["inactive", "absent"])
    def test_active_not_on_hold_block_and_deactivate(self, employer: Employer, found_as: str) -> None:
        employer.hires("mia", departmentNumber="Default")
        if found_as == "inactive":
            employer.hires("sean", employeeType="inactive", departmentNumber="Staff", title="Org Admin")
        org("Staff")
        sean = user("sean", roles=["PROe User"])
        user("mia")
        laptop = device(sean)
        employer.server()

        run = simulate_and_sync()

        change, found = change_of(run, "sean"), again(sean)
        assert change.actions == ["block", "deactivate"]
        assert (found.active, found.deactivated_by, found.blocked, found.blocked_by) == (
            False,
            SetBy.SYNC,
            True,
            SetBy.SYNC,
        )
        assert (found.org.name, [role.name for role in found.roles.all()]) == ("Default", ["PROe User"])
        laptop.refresh_from_db()
        assert (laptop.active, laptop.archives.get().state) == (False, "cold storage")
        assert change.steps[0].startswith("Found in Corp by username" if found_as == "inactive" else "Absent: ")
        assert plans_nothing_more()

    @pytest.mark.parametrize("found_as", ["inactive", "absent"])
    def test_active_on_hold_block_deactivation_pending_until_the_release(
        self, employer: Employer, found_as: str
    ) -> None:
        employer.hires("mia", departmentNumber="Default")
        if found_as == "inactive":
            employer.hires("sean", employeeType="inactive")
        sean = user("sean")
        user("mia")
        matter = hold(sean)
        employer.server()

        run = simulate_and_sync()

        assert change_of(run, "sean").actions == ["block", "deactivation pending"]
        assert (again(sean).active, again(sean).blocked, again(sean).pending) == (True, True, True)
        assert run.counts["blocked"] == 1
        assert plans_nothing_more()
        legal_holds.release(matter=matter, user_ids=[sean.pk], by=SYSTEM, at=NOON)  # type: ignore[arg-type]
        assert not again(sean).active
        assert plans_nothing_more()


class TestNone:
    def test_any_already_as_wanted(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Default", title="PROe User")
        user("sean", roles=["PROe User"], last_name="Sean")
        employer.server()

        run = simulate_and_sync()

        assert not run.changes.exists()
        assert run.counts["users"] == 1

    def test_script_error_none_listed_with_entry_script_line_and_message(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Default")
        employer.hires("mia", departmentNumber="Staff")
        org("Staff")
        sean, mia = user("sean"), user("mia")
        employer.server(
            org_name_script="function (entry) {\n  if (entry.uid == 'sean') { null.x }\n  return 'Staff';\n}"
        )

        run = simulate_and_sync()

        change = change_of(run, "sean")
        assert (change.outcome, change.actions) == (Outcome.SCRIPT_ERROR, [])
        assert "org name script, line 2: " in change.steps[-1]
        assert employer.dn("sean") in change.steps[0]
        assert again(sean) == sean
        assert again(mia).org.name == "Staff"

    def test_conflict_two_entries_for_one_user(self, employer: Employer) -> None:
        employer.directory.add(
            f"ou=other,{employer.directory.base}", {"objectClass": "organizationalUnit", "ou": "other"}
        )
        employer.hires("sean", departmentNumber="Staff")
        other = {"objectClass": "inetOrgPerson", "uid": "SEAN", "cn": "Sean", "sn": "Other"}
        employer.directory.add(f"uid=sean,ou=other,{employer.directory.base}", other)
        org("Staff")
        sean = user("sean")
        employer.server()

        run = simulate_and_sync()

        assert change_of(run, "sean").outcome == Outcome.CONFLICT
        assert "two entries for one user" in change_of(run, "sean").steps[-1]
        assert again(sean).org.name == "Default"

    def test_conflict_one_entry_for_two_users(self, employer: Employer) -> None:
        employer.directory.add(
            employer.dn("sean"),
            {"objectClass": "inetOrgPerson", "uid": ["sean", "mia"], "cn": "Sean", "sn": "Ryan"},
        )
        sean, mia = user("sean"), user("mia")
        employer.server()

        run = simulate_and_sync()

        assert {change.outcome for change in run.changes.all()} == {Outcome.CONFLICT}
        assert again(sean).active
        assert again(mia).active

    def test_not_checked_where_a_server_of_the_org_could_not_be_read_to_its_end(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Default")
        sean, mia = user("sean"), user("mia")
        employer.server()
        ldap_server("ldap://127.0.0.1:1", name="Branch", **PLENTY)

        run = simulate()

        assert change_of(run, "mia").outcome == Outcome.NOT_CHECKED
        assert "Branch was not read to its end" in change_of(run, "mia").steps[-1]
        assert change_of(run, "sean").actions == ["update profile"]
        assert again(mia).active
        assert again(sean).active


class TestNeverBySync:
    def test_the_last_active_sysadmin_loses_neither_the_account_nor_the_role(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Default", title="PROe User")
        ada, mia = user("ada", roles=["SYSADMIN"]), user("mia", roles=["SYSADMIN"])
        employer.server()

        run = simulate_and_sync()

        left = [found for found in (again(ada), again(mia)) if found.is_active and found.roles.filter(name="SYSADMIN")]
        assert len(left) == 1
        assert run.changes.filter(outcome=Outcome.KEPT).count() == 1

    def test_a_user_managed_locally_changes_nothing(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Default")
        sean = user("sean")
        local_passwords.set_managed_locally(user_ids=[sean.pk], managed_locally=True, by=SYSTEM, at=NOON)
        employer.server()

        run = simulate_and_sync()

        assert change_of(run, "sean").outcome == Outcome.KEPT
        assert again(sean).active

    def test_an_org_is_created_and_users_outside_the_scope_are_touched(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Nowhere")
        orgs_before = Org.objects.count()
        sean = user("sean")
        outsider = user("outsider", org_name="ADMIN")
        employer.server()

        run = simulate_and_sync()

        assert Org.objects.count() == orgs_before
        assert run.unknown_orgs == {"Nowhere": 1}
        assert run.warnings == ["There is no org Nowhere: 1 user would be placed there."]
        assert again(sean).org.name == "Default"
        assert again(outsider).active

    def test_a_user_is_created(self, employer: Employer) -> None:
        employer.hires("stranger")
        employer.server()

        simulate_and_sync()

        assert not User.objects.filter(username_key="stranger").exists()


class TestMatching:
    def test_a_new_username_under_a_known_immutable_id_is_a_rename(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Default")
        sean = user("sean")
        employer.server()
        simulate_and_sync()

        employer.directory.rename(employer.dn("sean"), "uid=sryan")
        run = simulate_and_sync()

        assert change_of(run, "sean").actions == ["rename"]
        assert again(sean).username == "sryan"
        assert again(sean).match.dn == employer.dn("sryan")
        assert plans_nothing_more()

    def test_a_rename_to_another_users_name_is_a_conflict(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Default")
        sean = user("sean")
        employer.server()
        simulate_and_sync()
        user("mia", org_name="ADMIN")

        employer.directory.rename(employer.dn("sean"), "uid=mia")
        run = simulate_and_sync()

        assert change_of(run, "sean").outcome == Outcome.CONFLICT
        assert again(sean).username == "sean"

    def test_two_users_renamed_to_one_name_are_both_a_conflict(self, employer: Employer) -> None:
        for uid in ("sean", "mia"):
            employer.hires(uid, departmentNumber="Default", description=uid)
            user(uid)
        employer.server(username_attribute="description")
        simulate_and_sync()

        for uid in ("sean", "mia"):
            employer.directory.modify(employer.dn(uid), {"description": "both"})
        run = simulate_and_sync()

        assert [change.outcome for change in run.changes.all()] == [Outcome.CONFLICT, Outcome.CONFLICT]
        assert set(User.objects.values_list("username", flat=True)) == {"sean", "mia"}

    def test_the_first_server_of_the_org_that_finds_a_user_wins(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Default", mail="first@example.com")
        sean = user("sean")
        employer.server()
        with Directory() as second:
            person = {
                "objectClass": "inetOrgPerson",
                "uid": "sean",
                "cn": "Sean",
                "sn": "S",
                "mail": "second@example.com",
            }
            second.add(f"uid=sean,{second.base}", person)
            ldap_server(second.url, name="Second", **PLENTY)

            simulate_and_sync()

        assert again(sean).email == "first@example.com"

    def test_a_child_org_asks_its_parents_servers(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Default")
        sean = user("sean", org_name="Staff")
        employer.server()

        simulate_and_sync()

        assert not again(sean).active


class TestSimulation:
    def test_writes_nothing_but_its_own_run_changes_and_entries(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Staff", title="Org Admin")
        org("Staff")
        device(user("sean"))
        user("mia")
        employer.server()
        before = _snapshot()

        run = simulate()

        assert run.changes.filter(outcome=Outcome.PLANNED).count() == 2
        assert StoredEntry.objects.count() == 1
        assert _snapshot() == before

    def test_says_the_same_as_the_real_run(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Staff", title="Org Admin, Nothing")
        org("Staff")
        user("sean"), user("mia")
        employer.server()

        simulated, real = simulate(), sync()

        outcomes = [
            [(c.username, c.actions, c.before, c.after, c.steps) for c in run.changes.all()]
            for run in (simulated, real)
        ]
        assert outcomes[0] == outcomes[1]
        assert simulated.counts == real.counts


def _snapshot() -> list[object]:
    tables = [User, Org, Match, User.roles.through]
    actions = AuditEntry.objects.exclude(object_type="run").order_by("pk")
    return [list(actions.values()), *(list(table.objects.order_by("pk").values()) for table in tables)]  # type: ignore[attr-defined]


class TestApplying:
    def test_skips_a_user_who_changed_since_the_plan_was_made(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Default")
        sean = user("sean")
        user("mia")
        employer.server()
        plan = simulate()
        blocking.block(user_ids=[sean.pk], by=SYSTEM, at=NOON)

        run = stored_plans.apply_plan(run=plan, by=SYSTEM, at=NOON, wake=False)
        _carry_out(run)

        assert change_of(run, "sean").outcome == Outcome.CHANGED_MEANWHILE
        assert again(sean).active
        assert run.counts["deactivated"] == 0

    def test_of_a_simulations_plan_does_exactly_that_even_when_the_directory_has_changed(
        self, employer: Employer
    ) -> None:
        employer.hires("mia", departmentNumber="Default")
        sean = user("sean")
        user("mia", last_name="Mia")
        employer.server()
        plan = simulate()
        employer.hires("sean", departmentNumber="Default")

        run = stored_plans.apply_plan(run=plan, by=SYSTEM, at=NOON, wake=False)
        _carry_out(run)

        assert run.state == RunState.APPLIED
        assert run.plan_from == plan
        assert not again(sean).active
        assert sync().counts["activated"] == 1

    def test_of_a_plan_is_refused_after_24_hours_or_a_change_of_the_configuration(self, employer: Employer) -> None:
        employer.hires("sean", departmentNumber="Default")
        user("sean")
        employer.server()
        plan = simulate()

        with pytest.raises(Refused, match="older than 24 hours"):
            stored_plans.apply_plan(run=plan, by=SYSTEM, at=NOON.replace(day=7), wake=False)
        employer.server(search_filter="(uid=sean)")
        with pytest.raises(Refused, match="configuration of Corp has changed"):
            stored_plans.apply_plan(run=plan, by=SYSTEM, at=NOON, wake=False)


def _carry_out(run: Run) -> None:
    pipeline.execute(run.pk, clock=Clock())
    run.refresh_from_db()
