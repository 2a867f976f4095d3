"""An old plan changes nobody of whom something newer is known, and nobody for whom its surroundings have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from directory.actions import servers, stored_plans
from directory.models import Alert, AlertKind, LdapServer, OrgServer, PlannedMatch, Run, RunState
from directory.sync import pipeline
from directory.sync.apply import apply_stage
from directory.values.plan import Outcome
from orgs.actions import orgs as org_actions
from orgs.actions import roles as role_actions
from orgs.actions.errors import Refused
from orgs.models import User
from orgs.rules.actors import SYSTEM, Actor
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.makers import make_sysadmin, signed_in
from tests.worlds import NOON, Clock, again, change_of, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

ADA = Actor("ada")
EVERYBODY = {
    "limit_deactivations_percent": 100,
    "limit_org_deactivations_percent": 100,
    "limit_entries_percent": 1,
    "limit_role_changes_percent": 100,
    "limit_moves_percent": 100,
}
CHANGED_MEANWHILE, APPLIED = Outcome.CHANGED_MEANWHILE.value, Outcome.APPLIED.value


@pytest.fixture
def branch() -> Iterator[Employer]:
    """A second directory."""
    with Directory() as directory:
        yield Employer(directory)


def staff(employer: Employer, count: int = 40) -> list[User]:
    for number in range(count):
        employer.hires(f"user{number:02}", employeeType="active")
    return [user(f"user{number:02}") for number in range(count)]


def mark(employer: Employer, people: list[User], state: str) -> None:
    for each in people:
        employer.directory.modify(employer.dn(each.username), {"employeeType": state})


def married(employer: Employer, uid: str, **attributes: str) -> None:
    employer.directory.modify(employer.dn(uid), attributes)


def applied(plan: Run, *, while_it_is: Callable[[int], object] = lambda _done: None) -> Run:
    """Have a plan applied; ``while_it_is`` is called with the number of changes made, before each batch."""
    run = stored_plans.apply_plan(run=plan, by=ADA, at=NOON, wake=False)

    def follow(phase: str, done: int, _total: int | None) -> None:
        if phase == "applying":
            while_it_is(done)

    pipeline.execute(run.pk, clock=Clock(), progress=follow)
    run.refresh_from_db()
    return run


def outcomes(run: Run) -> dict[str, str]:
    return dict(run.changes.values_list("username", "outcome"))


class TestAPlanThatALaterReadingHasOvertaken:
    @pytest.fixture
    def held_back(self, employer: Employer) -> tuple[Run, list[User]]:
        """A run that would deactivate 12 of 40, whom the directory by mistake called inactive."""
        people = staff(employer)
        employer.server()
        simulate_and_sync()
        mark(employer, people[:12], "inactive")
        run = sync()
        assert run.state == RunState.HELD_BACK
        mark(employer, people[:12], "active")
        return run, people

    def test_is_void_and_names_the_run(self, held_back: tuple[Run, list[User]]) -> None:
        run, _people = held_back
        sync()
        last = sync()

        with pytest.raises(
            Refused, match=f"the plan of run {run.pk} is void: run {last.pk} has applied a plan for Corp since"
        ):
            applied(run)

        assert not User.objects.filter(active=False).exists()
        assert "is void" in stored_plans.why_not_applicable(run=run, by=ADA, at=NOON)

    def test_can_only_be_discarded(self, held_back: tuple[Run, list[User]]) -> None:
        run, _people = held_back
        sync()

        assert stored_plans.discard(run=run, by=ADA, at=NOON).state == RunState.DISCARDED

    def test_is_shown_as_void_with_the_reason_and_without_the_button(self, held_back: tuple[Run, list[User]]) -> None:
        run, _people = held_back
        client = signed_in(make_sysadmin())
        page, history = f"/history/{run.pk}/", "/history/"
        with time_machine.travel(NOON):
            before = client.get(page).content.decode()
            sync()
            after, listed = client.get(page).content.decode(), client.get(history).content.decode()

        assert ("Apply this plan" in before, "Apply this plan" in after) == (True, False)
        assert f"The plan of run {run.pk} is void" in after
        assert "Discard" in after
        assert "held back, void" in after
        assert "held back, void" in listed

    def test_is_refused_by_the_command_with_the_reason(self, held_back: tuple[Run, list[User]]) -> None:
        run, _people = held_back
        sync()

        with time_machine.travel(NOON), pytest.raises(CommandError, match="is void") as refused:
            call_command("ldapsync", apply=run.pk)

        assert refused.value.returncode == 4

    def test_loses_its_alert(self, held_back: tuple[Run, list[User]]) -> None:
        before = Alert.objects.open().filter(kind=AlertKind.HELD_BACK).count()

        sync()

        assert (before, Alert.objects.open().filter(kind=AlertKind.HELD_BACK).count()) == (1, 0)

    def test_keeps_its_alert_while_nothing_newer_is_applied(self, held_back: tuple[Run, list[User]]) -> None:
        simulate()

        assert Alert.objects.open().filter(kind=AlertKind.HELD_BACK).count() == 1

    def test_is_void_as_a_simulation_too(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        mark(employer, people[:1], "inactive")
        plan = simulate()
        mark(employer, people[:1], "active")
        sync()

        with pytest.raises(Refused, match="is void"):
            applied(plan)

        assert again(people[0]).active

    def test_is_void_whatever_absence_grace_the_server_has(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY, absence_runs=2)
        simulate_and_sync()
        employer.directory.delete(employer.dn("user00"))
        sync()
        plan = simulate()
        employer.hires("user00", employeeType="active")
        sync()

        with pytest.raises(Refused, match="is void"):
            applied(plan)

        assert again(people[0]).active

    def test_is_not_void_by_its_own_application(self, employer: Employer) -> None:
        employer.hires("kim")
        user("kim")
        employer.server()
        plan = simulate()
        run = applied(plan)
        client = signed_in(make_sysadmin())

        page = client.get(f"/history/{plan.pk}/").content.decode()

        assert "void" not in page
        with pytest.raises(Refused, match=f"the plan of run {plan.pk} has been applied by run {run.pk}"):
            applied(plan)

    def test_is_void_when_an_older_plan_notes_whose_ids_it_went_by(self, employer: Employer) -> None:
        for name in ("kim", "mia", "sean"):
            employer.hires(name)
        mia = user("mia")
        user("sean")
        user("unal")
        employer.server()
        first = simulate()
        employer.directory.rename(employer.dn("mia"), "uid=unal")
        # Without any id that is known, mia is absent here, and her entry is taken for unal's.
        second = simulate()
        applied(first)

        with pytest.raises(Refused, match=f"the plan of run {second.pk} is void"):
            applied(second)

        assert again(mia).active
        with time_machine.travel(NOON):
            page = signed_in(make_sysadmin()).get(f"/history/{second.pk}/").content.decode()
        assert f"The plan of run {second.pk} is void" in page
        assert "plan is ready" not in page

    def test_is_not_void_when_the_later_run_read_another_server(self, employer: Employer, branch: Employer) -> None:
        people = staff(employer, 3)
        branch.hires("zoe")
        org("Lab")
        employer.server(**EVERYBODY)
        other = branch.server(name="Branch", orgs=["Lab"])
        simulate_and_sync()
        mark(employer, people[:1], "inactive")
        plan = simulate(LdapServer.objects.get(name="Corp"))
        sync(other)

        assert outcomes(applied(plan)) == {"user00": APPLIED}

    def test_is_not_void_by_an_undo_or_by_a_simulation(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        mark(employer, people[:1], "inactive")
        plan = simulate()
        simulate()

        assert outcomes(applied(plan)) == {"user00": APPLIED}


class TestAnOlderPlanAndTheEntryOfNow:
    """No later run was applied, but a later simulation has read the directory."""

    def test_cuts_nobody_off_who_is_active_by_now(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        mark(employer, people[:2], "inactive")
        plan = simulate()
        mark(employer, people[:1], "active")
        simulate()

        run = applied(plan)

        assert outcomes(run) == {"user00": CHANGED_MEANWHILE, "user01": APPLIED}
        assert again(people[0]).active
        assert "the active script says active by now" in change_of(run, "user00").steps[-1]

    def test_cuts_nobody_off_who_is_there_again(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        employer.directory.delete(employer.dn("user00"))
        plan = simulate()
        employer.hires("user00", employeeType="active")
        simulate()

        run = applied(plan)

        assert outcomes(run) == {"user00": CHANGED_MEANWHILE}
        assert again(people[0]).active
        assert "Corp has an entry of theirs by now: uid=user00" in change_of(run, "user00").steps[-1]

    def test_brings_nobody_back_who_is_inactive_by_now(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        mark(employer, people[:1], "inactive")
        simulate_and_sync()
        mark(employer, people[:1], "active")
        plan = simulate()
        mark(employer, people[:1], "inactive")
        simulate()

        assert outcomes(applied(plan)) == {"user00": CHANGED_MEANWHILE}
        assert not again(people[0]).active

    def test_gives_no_role_that_the_script_does_not_give_any_more(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY, grantable_roles=["Org Admin"])
        simulate_and_sync()
        employer.directory.modify(employer.dn("user00"), {"title": "Org Admin"})
        plan = simulate()
        employer.directory.modify(employer.dn("user00"), {"title": []})
        simulate()

        assert outcomes(applied(plan)) == {"user00": CHANGED_MEANWHILE}
        assert not again(people[0]).roles.filter(name="Org Admin").exists()

    def test_takes_no_role_that_the_script_gives_again(self, employer: Employer) -> None:
        people = staff(employer, 3)
        for each in people:
            employer.directory.modify(employer.dn(each.username), {"title": "Org Admin, PROe User"})
        employer.server(**EVERYBODY, limit_role_losses_percent=100, grantable_roles=["Org Admin", "PROe User"])
        simulate_and_sync()
        for each in people[:2]:
            employer.directory.modify(employer.dn(each.username), {"title": "PROe User"})
        plan = simulate()
        employer.directory.modify(employer.dn("user00"), {"title": "Org Admin, PROe User"})
        simulate()

        run = applied(plan)

        assert outcomes(run) == {"user00": CHANGED_MEANWHILE, "user01": APPLIED}
        assert again(people[0]).roles.filter(name="Org Admin").exists()
        assert "the role name script gives other roles by now" in change_of(run, "user00").steps[-1]

    def test_writes_no_name_or_address_over_a_newer_one(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        for each in people[:2]:
            married(employer, each.username, sn="Old", mail=f"old-{each.username}@example.com")
        plan = simulate()
        married(employer, "user00", sn="New", mail="new@example.com")
        simulate()

        run = applied(plan)

        assert outcomes(run) == {"user00": CHANGED_MEANWHILE, "user01": APPLIED}
        assert (again(people[0]).last_name, again(people[1]).last_name) == ("User00", "Old")
        assert change_of(run, "user00").steps[-1] == (
            "Changed meanwhile: the directory has another email and last name for them by now "
            f"({employer.dn('user00')} in Corp)."
        )

    def test_writes_no_name_that_has_been_taken_back(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        married(employer, "user00", sn="Old")
        plan = simulate()
        married(employer, "user00", sn="User00")
        simulate()

        assert outcomes(applied(plan)) == {"user00": CHANGED_MEANWHILE}
        assert again(people[0]).last_name == "User00"

    def test_gives_no_username_that_is_another_one_by_now(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        employer.directory.rename(employer.dn("user00"), "uid=older")
        plan = simulate()
        employer.directory.rename(employer.dn("older"), "uid=newer")
        simulate()

        assert outcomes(applied(plan)) == {"user00": CHANGED_MEANWHILE}
        assert again(people[0]).username == "user00"

    def test_writes_a_name_beside_one_that_is_newer_and_not_in_the_plan(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        married(employer, "user00", sn="Married")
        plan = simulate()
        married(employer, "user00", mail="new@example.com", title="PROe User")
        simulate()

        assert outcomes(applied(plan)) == {"user00": APPLIED}
        assert (again(people[0]).last_name, again(people[0]).email) == ("Married", "")

    def test_writes_an_address_that_is_one_of_several_in_any_order(self, employer: Employer) -> None:
        people = staff(employer, 3)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        married(employer, "user00", mail="one@example.com")
        plan = simulate()
        employer.directory.modify(employer.dn("user00"), {"mail": ["other@example.com", "one@example.com"]})
        simulate()

        assert outcomes(applied(plan)) == {"user00": APPLIED}
        assert again(people[0]).email == "one@example.com"

    def test_does_not_go_by_the_names_of_a_server_that_is_asked_later(
        self, employer: Employer, branch: Employer
    ) -> None:
        people = staff(employer, 3)
        branch.hires("user00", sn="Other")
        employer.server(**EVERYBODY)
        branch.server(**EVERYBODY, name="Branch")
        simulate_and_sync()
        married(employer, "user00", sn="Married")
        plan = simulate()
        married(branch, "user00", sn="Another")
        simulate()

        assert outcomes(applied(plan)) == {"user00": APPLIED}
        assert again(people[0]).last_name == "Married"

    def test_goes_by_the_names_of_a_server_that_is_asked_before(self, employer: Employer, branch: Employer) -> None:
        people = staff(employer, 3)
        branch.hires("zoe")
        branch.server(**EVERYBODY, name="Branch")
        employer.server(**EVERYBODY)
        simulate_and_sync()
        married(employer, "user00", sn="Married")
        plan = simulate()
        branch.hires("user00", sn="User00")
        simulate()

        assert outcomes(applied(plan)) == {"user00": CHANGED_MEANWHILE}
        assert again(people[0]).last_name == "User00"

    def test_deactivates_nobody_whose_absence_grace_began_anew(self, employer: Employer) -> None:
        people = staff(employer, 3)
        server = employer.server(**EVERYBODY)
        simulate_and_sync()
        employer.directory.delete(employer.dn("user00"))
        plan = simulate()
        servers.save(server=server, values={"absence_runs": 3}, by=SYSTEM, at=NOON)

        run = applied(plan)

        assert outcomes(run) == {"user00": CHANGED_MEANWHILE}
        assert again(people[0]).active


def test_a_plan_notes_by_which_entries_it_decided_though_a_later_run_could_not_read_its_server(
    employer: Employer, branch: Employer
) -> None:
    people = staff(employer, 3)
    branch.hires("zoe")
    org("Lab")
    server = employer.server(**EVERYBODY)
    other = branch.server(name="Branch", orgs=["Lab"])
    simulate_and_sync()
    employer.directory.rename(employer.dn("user00"), "uid=married")
    plan = simulate(server)
    employer.directory.stop(remove=False)
    assert sync().readings.filter(complete=True).values_list("server", flat=True).get() == other.pk
    employer.directory.start()

    run = applied(plan)

    assert outcomes(run) == {"user00": APPLIED}
    assert (again(people[0]).username, again(people[0]).match.dn) == ("married", employer.dn("married"))
    assert not PlannedMatch.objects.filter(run=plan).exists()


class TestWhatAPlanWasMadeAgainst:
    @pytest.fixture
    def sean(self, employer: Employer) -> User:
        org("Lab")
        employer.hires("mia")
        employer.hires("sean", departmentNumber="Lab")
        employer.server(**EVERYBODY)
        return user("sean")

    def refuses(self, plan: Run, sean: User, reason: str, happens: Callable[[], object] = lambda: None) -> None:
        waiting = [happens]
        run = applied(plan, while_it_is=lambda _done: waiting.pop()() if waiting else None)

        change = change_of(run, "sean")
        assert (change.outcome, again(sean).org.name) == (CHANGED_MEANWHILE, "Default")
        assert change.steps[-1] == f"Changed meanwhile: {reason}."

    def test_the_target_asks_other_servers(self, employer: Employer, branch: Employer, sean: User) -> None:
        branch.hires("zoe")
        plan = simulate()

        def happens() -> None:
            branch.server(name="Branch", orgs=["Lab"])

        self.refuses(plan, sean, "Lab asks other LDAP servers than it did when the plan was made", happens)

    def test_the_target_is_not_synchronized_any_more(self, sean: User) -> None:
        plan = simulate()

        def happens() -> None:
            org_actions.change(org=org("Lab"), by=ADA, at=NOON, directory_service="local")

        self.refuses(plan, sean, "Lab asks other LDAP servers than it did when the plan was made", happens)

    def test_the_target_has_another_name(self, sean: User) -> None:
        plan = simulate()
        org_actions.change(org=org("Lab"), by=ADA, at=NOON, name="Old lab")
        org("Lab")

        self.refuses(plan, sean, "the org Lab is called Old lab by now")

    def test_the_target_is_not_active_any_more(self, sean: User) -> None:
        plan = simulate()
        org_actions.set_active(org=org("Lab"), active=False, by=ADA, at=NOON)

        self.refuses(plan, sean, "the org Lab is not active any more")

    def test_the_present_org_asks_in_another_order(self, employer: Employer, branch: Employer, sean: User) -> None:
        branch.hires("zoe")
        branch.server(name="Branch")
        plan = simulate()

        def happens() -> None:
            OrgServer.objects.filter(server__name="Branch").update(position=0)
            OrgServer.objects.filter(server__name="Corp").update(position=1)

        self.refuses(plan, sean, "Default asks other LDAP servers than it did when the plan was made", happens)

    def test_a_role_has_another_meaning(self, employer: Employer) -> None:
        auditor = role_actions.save(role=None, name="Auditor", permissions=[], by=SYSTEM, at=NOON)
        defaults = [auditor]
        employer.hires("kim")
        employer.server(role_name_script="function (entry) { return [] }", grantable_roles=[])
        kim = user("kim")
        org_actions.change(org=org("Default"), by=ADA, at=NOON, default_roles=defaults, own_default_roles=True)
        plan = simulate()
        role_actions.save(role=auditor, name="Auditor", permissions=["admin"], by=SYSTEM, at=NOON)

        run = applied(plan)

        assert change_of(run, "kim").steps[-1] == (
            "Changed meanwhile: the role Auditor has been changed since the plan was made."
        )
        assert not again(kim).roles.exists()


class TestInTheMiddleOfApplying:
    """What changes after the first batch counts for the second."""

    @pytest.fixture
    def plan(self, employer: Employer, monkeypatch: pytest.MonkeyPatch) -> Run:
        monkeypatch.setattr(apply_stage, "BATCH", 2)
        people = staff(employer, 5)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        mark(employer, people[:4], "inactive")
        return simulate()

    def halves(self, plan: Run, happens: Callable[[], object]) -> list[str]:
        waiting = [happens]

        def after_the_first_batch(done: int) -> None:
            if done == 2 and waiting:
                waiting.pop()()

        return list(applied(plan, while_it_is=after_the_first_batch).changes.values_list("outcome", flat=True))

    def test_an_org_that_is_managed_locally_loses_nobody_from_then_on(self, plan: Run) -> None:
        def happens() -> None:
            org_actions.change(org=org("Default"), by=ADA, at=NOON, directory_service="local")

        assert self.halves(plan, happens) == [APPLIED, APPLIED, CHANGED_MEANWHILE, CHANGED_MEANWHILE]
        assert User.objects.filter(active=False).count() == 2

    def test_an_org_that_asks_another_server_loses_nobody_from_then_on(self, plan: Run, branch: Employer) -> None:
        branch.hires("user02")
        branch.hires("user03")
        other = branch.server(name="Branch", orgs=[])

        def happens() -> None:
            OrgServer.objects.filter(org=org("Default")).update(server=other)
            simulate(other)
            sync(other)

        assert self.halves(plan, happens) == [APPLIED, APPLIED, CHANGED_MEANWHILE, CHANGED_MEANWHILE]

    def test_a_server_with_other_scripts_cuts_nobody_off_from_then_on(self, plan: Run, employer: Employer) -> None:
        def happens() -> None:
            employer.server(**EVERYBODY, active_script="function (entry) { return true }")

        assert self.halves(plan, happens) == [APPLIED, APPLIED, CHANGED_MEANWHILE, CHANGED_MEANWHILE]

    def test_a_role_that_is_gone_is_given_to_nobody(self, employer: Employer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apply_stage, "BATCH", 2)
        auditor = role_actions.save(role=None, name="Auditor", permissions=[], by=SYSTEM, at=NOON)
        for number in range(4):
            employer.hires(f"user{number}", title="Auditor")
            user(f"user{number}")
        employer.server(**EVERYBODY, grantable_roles=["Auditor"])
        plan = simulate()

        def happens() -> None:
            role_actions.save(role=auditor, name="Inspector", permissions=[], by=SYSTEM, at=NOON)
            role_actions.save(role=None, name="Auditor", permissions=["admin"], by=SYSTEM, at=NOON)

        assert self.halves(plan, happens) == [APPLIED, APPLIED, CHANGED_MEANWHILE, CHANGED_MEANWHILE]
        assert not User.objects.filter(roles__name="Auditor").exists()


class TestAChangeThatARuleForbids:
    def test_is_found_with_few_savepoints(self, employer: Employer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apply_stage, "BATCH", 64)
        people = staff(employer, 64)
        employer.server(**EVERYBODY)
        simulate_and_sync()
        for each in people:
            employer.directory.rename(employer.dn(each.username), f"uid=new-{each.username}")
        plan = simulate()
        user("new-user41", org_name="ADMIN")

        with CaptureQueriesContext(connection) as queries:
            run = applied(plan)

        refused = [name for name, outcome in outcomes(run).items() if outcome == Outcome.REFUSED]
        assert refused == ["user41"]
        assert run.changes.filter(outcome=Outcome.APPLIED).count() == 63
        # One for each half that is tried, 13 in all, and one or two for what is done in it; one by one it would be 65.
        made = [each["sql"] for each in queries if each["sql"].startswith("SAVEPOINT")]
        assert len(made) <= 3 * 13
