"""Runs that are held back for what shares of all users never show: roles, names, small steps, several servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from directory.actions import run_start_and_cancel, servers, stored_plans, undo
from directory.input_errors import Invalid
from directory.invariants import broken
from directory.models import LdapServer, Run, RunServer, RunState, Trigger
from directory.sync import pipeline
from directory.sync.apply import apply_stage
from directory.sync.lease import MAX_ATTEMPTS, Progress
from orgs.actions import roles as role_actions
from orgs.actions.users import deactivation, role_grants
from orgs.models import Role, User
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, org, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db
PLAIN = {"org_name_script": "", "role_name_script": ""}


@pytest.fixture
def branch() -> Iterator[Employer]:
    with Directory() as directory:
        yield Employer(directory)


def staff(employer: Employer, count: int, **attributes: str) -> list[User]:
    """Hire so many who are users already, with names as in the directory."""
    found = []
    for number in range(count):
        name = f"p{number:02}"
        employer.hires(name, **{"mail": f"{name}@example.com", **attributes})
        found.append(user(name, last_name=name.title(), email=f"{name}@example.com"))
    return found


def leave(employer: Employer, numbers: range) -> None:
    for number in numbers:
        employer.directory.delete(employer.dn(f"p{number:02}"))


def held_back(run: Run) -> list[str]:
    assert run.state == (RunState.HELD_BACK if run.held_back else RunState.APPLIED), run.error
    return list(run.held_back)


def apply(run: Run) -> Run:
    applied = stored_plans.apply_plan(run=run, by=SYSTEM, at=NOON, wake=False)
    pipeline.execute(applied.pk, clock=Clock(NOON))
    applied.refresh_from_db()
    assert applied.state == RunState.APPLIED
    return applied


def begun(monkeypatch: pytest.MonkeyPatch, *, batch: int) -> Run:
    """Start a run that applies so many changes at a time."""
    monkeypatch.setattr(apply_stage, "BATCH", batch)
    return run_start_and_cancel.start(
        servers=[], simulated=False, trigger=Trigger.COMMAND, by=SYSTEM, at=NOON, wake=False
    )


def once(happens: Callable[[], object], *, after: int) -> Progress:
    """Have something happen, once, as the batch begins that comes after so many applied changes."""
    waiting = [happens]

    def follow(phase: str, done: int, _total: int | None) -> None:
        if phase == "applying" and done == after and waiting:
            waiting.pop()()

    return follow


def dies() -> None:
    raise RuntimeError("the worker died")


def stopped_after_a_batch_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a person stop a run while the first of its batches is under way."""
    run = begun(monkeypatch, batch=size)
    stops = once(lambda: run_start_and_cancel.cancel(run=run, by=SYSTEM, at=NOON), after=0)
    pipeline.execute(run.pk, clock=Clock(NOON), progress=stops)
    run.refresh_from_db()
    assert (run.state, User.objects.filter(active=False).count()) == (RunState.CANCELLED, size)


class TestTheHoldersOfOneRole:
    SCRIPT = 'function (entry) { return entry.title ? ["Org Admin"] : ["PROe User"] }'

    def test_do_not_all_lose_it_at_once_however_many_users_there_are(self, employer: Employer) -> None:
        everybody = staff(employer, 40)
        for number in range(4):
            employer.directory.modify(employer.dn(f"p{number:02}"), {"title": "Admin"})
        employer.server(org_name_script="", role_name_script=self.SCRIPT, limit_role_losses_percent=50)
        simulate_and_sync()
        sync()
        assert again(everybody[0]).roles.get().name == "Org Admin"
        for number in range(3):
            employer.directory.modify(employer.dn(f"p{number:02}"), {"title": None})

        run = sync()

        assert held_back(run) == ["Corp: 3 of 4 holders of the role Org Admin would lose it; the limit is 50 %."]
        assert again(everybody[0]).roles.get().name == "Org Admin"
        assert apply(run).counts["rolesChanged"] == 3

    def test_are_those_in_the_scope_of_the_sync(self, employer: Employer) -> None:
        """Eight who hold it in an org that no directory looks after are no reason to let all others lose it."""
        everybody = staff(employer, 3, title="Admin")
        org_admin = Role.objects.get(name="Org Admin")
        others = [user(f"other{number}", org_name="ADMIN") for number in range(8)]
        role_grants.set_roles(roles={each.pk: frozenset({org_admin.pk}) for each in others}, by=SYSTEM, at=NOON)
        employer.server(org_name_script="", role_name_script=self.SCRIPT)
        LdapServer.objects.update(limit_role_losses_percent=50)
        simulate_and_sync()
        assert again(everybody[0]).roles.get().name == "Org Admin"
        for number in range(2):
            employer.directory.modify(employer.dn(f"p{number:02}"), {"title": None})

        assert held_back(sync()) == ["Corp: 2 of 3 holders of the role Org Admin would lose it; the limit is 50 %."]


def test_all_usernames_and_addresses_do_not_change_at_once(employer: Employer) -> None:
    staff(employer, 12)
    employer.server(**PLAIN)
    simulate_and_sync()
    sync()
    for number in range(12):
        employer.directory.rename(employer.dn(f"p{number:02}"), f"uid=x{number:02}")
        employer.directory.modify(f"uid=x{number:02},{employer.directory.base}", {"mail": f"x{number}@example.com"})

    assert held_back(sync()) == [
        "Corp: the name or email of 12 of 12 active users would change; the limit is 20 %.",
        "Corp: 12 of 12 active users would get another username; the limit is 5 %.",
    ]


def test_many_do_not_come_back_at_once(employer: Employer) -> None:
    staff(employer, 12, employeeType="inactive")
    employer.server(**PLAIN)
    simulate_and_sync()
    apply(Run.objects.get(state=RunState.HELD_BACK))
    LdapServer.objects.update(active_script="")

    run = simulate_and_sync()

    assert held_back(run) == ["Corp: 12 users would be reactivated or unblocked, and 0 are active; the limit is 5 %."]


class TestManySmallSteps:
    @pytest.fixture
    def company(self, employer: Employer) -> Employer:
        """Forty-five who are users; nine have left and were deactivated."""
        staff(employer, 45)
        employer.server(limit_entries_percent=1, **PLAIN)
        simulate_and_sync()
        leave(employer, range(9))
        assert held_back(sync()) == []
        assert User.objects.filter(active=False).count() == 9
        return employer

    def test_are_held_back_as_one_large_one(self, company: Employer) -> None:
        leave(company, range(9, 18))

        assert held_back(sync()) == [
            (
                "Corp: 18 of 45 active users would be deactivated or blocked (absent from the directory) within 24 hours, "
                "9 of them by this run; the limit is 5 %."
            )
        ]
        assert User.objects.filter(active=False).count() == 9

    def test_are_forgotten_after_a_day(self, company: Employer) -> None:
        leave(company, range(9, 18))

        assert held_back(sync(at=NOON + timedelta(hours=25))) == []

    def test_count_in_a_simulation_too(self, company: Employer) -> None:
        leave(company, range(9, 18))

        assert "18 of 45" in sync(simulated=True).held_back[0]

    def test_begin_anew_when_somebody_has_allowed_them(self, company: Employer) -> None:
        leave(company, range(9, 18))
        apply(sync())
        leave(company, range(18, 22))

        assert held_back(sync()) == []
        assert broken(at=NOON + timedelta(hours=1)) == []

    def test_that_were_undone_do_not_count(self, company: Employer) -> None:
        back = undo.start(run=Run.objects.latest("pk"), by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(back.pk, clock=Clock(NOON))
        back.refresh_from_db()
        apply(back)
        leave(company, range(9, 10))

        # The nine are taken off anew, and one more.
        assert "within 24 hours" not in sync().held_back[0]

    def test_count_by_what_was_applied_not_by_what_was_planned(self, employer: Employer) -> None:
        """Seven of the nine had been changed by a person since the plan was made: nobody saw these go."""
        people = staff(employer, 45)
        employer.server(limit_entries_percent=1, **PLAIN)
        simulate_and_sync()
        leave(employer, range(9))
        plan = sync(simulated=True)
        deactivation.deactivate(user_ids=[each.pk for each in people[:7]], by=SYSTEM, at=NOON)
        assert apply(plan).counts["deactivated"] == 2
        leave(employer, range(9, 16))

        # Two and seven are fewer than ten; nine and seven are not.
        assert held_back(sync()) == []
        assert broken(at=NOON + timedelta(hours=1)) == []

    @pytest.fixture
    def stopped(self, employer: Employer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Five of nine leavers of 45 are deactivated, then somebody stops the run."""
        staff(employer, 45)
        employer.server(limit_entries_percent=1, **PLAIN)
        simulate_and_sync()
        leave(employer, range(9))
        stopped_after_a_batch_of(5, monkeypatch)

    @pytest.mark.usefixtures("stopped")
    def test_count_what_was_applied_of_a_run_that_was_stopped(self, employer: Employer) -> None:
        leave(employer, range(9, 10))

        # The four who are left, and one more, after five: ten of 45, where nine and five would be fourteen.
        assert held_back(sync()) == [
            (
                "Corp: 10 of 45 active users would be deactivated or blocked (absent from the directory) within 24 hours, "
                "5 of them by this run; the limit is 5 %."
            )
        ]
        assert broken(at=NOON + timedelta(hours=1)) == []

    @pytest.mark.usefixtures("stopped")
    def test_forget_what_was_not_applied_of_a_run_that_was_stopped(self) -> None:

        # Five and the four who are left are nine again.
        assert held_back(sync()) == []
        assert User.objects.filter(active=False).count() == 9

    def test_count_what_was_applied_of_a_run_that_died(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        staff(employer, 45)
        employer.server(limit_entries_percent=1, **PLAIN)
        simulate_and_sync()
        leave(employer, range(9))
        run = begun(monkeypatch, batch=5)
        with pytest.raises(RuntimeError, match="died"):
            pipeline.execute(run.pk, clock=Clock(NOON), progress=once(dies, after=5))
        Run.objects.filter(pk=run.pk).update(attempts=MAX_ATTEMPTS, lease_until=None)
        assert run_start_and_cancel.close_dead(at=NOON + timedelta(hours=1)) == 1
        run.refresh_from_db()
        assert (run.state, User.objects.filter(active=False).count()) == (RunState.FAILED, 5)

        counts = run.readings.get().limit_counts
        assert (counts["counts"]["absent"], counts["applied"]["absent"]) == (9, 5)
        assert held_back(sync(at=NOON + timedelta(hours=1))) == []

    def test_count_grants_of_admin_roles_that_were_applied(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Grants of a role that has come to hold admin since the plan was made were not counted, so none is taken off."""
        role_actions.save(role=None, name="Chief", permissions=["admin"], by=SYSTEM, at=NOON)
        auditor = role_actions.save(role=None, name="Auditor", permissions=[], by=SYSTEM, at=NOON)
        people = staff(employer, 12)
        script = "function (entry) { return entry.title ? [entry.title] : null }"
        employer.server(org_name_script="", role_name_script=script, grantable_roles=["Auditor", "Chief"])
        simulate_and_sync()
        for number in range(6):
            title = "Chief" if number < 3 else "Auditor"
            employer.directory.modify(employer.dn(f"p{number:02}"), {"title": title})
        run = begun(monkeypatch, batch=3)

        def changes() -> None:
            role_actions.save(role=auditor, name="Auditor", permissions=["admin"], by=SYSTEM, at=NOON)

        pipeline.execute(run.pk, clock=Clock(NOON), progress=once(changes, after=3))

        run.refresh_from_db()
        assert (held_back(run), run.counts["rolesChanged"]) == ([], 3)
        assert again(people[0]).roles.get().name == "Chief"
        counts = run.readings.get().limit_counts
        assert (counts["counts"]["admin grants"], counts["applied"]["admin grants"]) == (3, 3)
        assert (counts["counts"]["role changes"], counts["applied"]["role changes"]) == (6, 3)

    def test_of_fewer_and_fewer_entries_are_one_large_one(self, company: Employer) -> None:
        LdapServer.objects.update(limit_entries_percent=70, limit_deactivations_percent=100)
        LdapServer.objects.update(limit_org_deactivations_percent=100)
        leave(company, range(9, 15))

        # 30 are over 70 % of 36, and under 70 % of the 45 of the same day.
        assert held_back(sync()) == ["Corp: 30 entries read, less than 70 % of the 45 of the last complete reading."]


class TestServersOfOneOrg:
    def test_count_each_for_what_they_decide(self, employer: Employer, branch: Employer) -> None:
        """The limit of the second server in the org's list holds what its own people lose."""
        for number in range(30):
            employer.hires(f"corp{number:02}")
            branch.hires(f"p{number:02}")
        for number in range(30):
            user(f"corp{number:02}", org_name="Staff", last_name=f"Corp{number:02}")
            user(f"p{number:02}", org_name="Staff", last_name=f"P{number:02}")
        wide = {"limit_deactivations_percent": 100, "limit_entries_percent": 1, **PLAIN}
        employer.server(orgs=["Staff"], **wide, limit_org_deactivations_percent=90)
        branch.server(name="Branch", orgs=["Staff"], **wide, limit_org_deactivations_percent=10)
        simulate_and_sync()
        leave(branch, range(10))

        assert held_back(sync()) == [
            (
                "Branch: 10 of 60 active users of the org Staff would be deactivated or blocked (absent from the directory); "
                "the limit is 10 %."
            )
        ]

    def test_do_not_count_for_what_another_one_loses(self, employer: Employer, branch: Employer) -> None:
        """Who was in the first is absent from both, and no share of the few in the second."""
        staff(employer, 40)
        branch.hires("zoe")
        user("zoe", last_name="Zoe")
        employer.server(**PLAIN, limit_deactivations_percent=50)
        branch.server(name="Branch", **PLAIN)
        simulate_and_sync()
        leave(employer, range(10))
        LdapServer.objects.update(limit_org_deactivations_percent=100, limit_entries_percent=1)

        run = sync()

        assert held_back(run) == []
        corp = RunServer.objects.get(run=run, server_name="Corp")
        assert (corp.limit_counts["counts"]["absent"], corp.limit_counts["wholes"]["absent"]) == (10, 40)

    def test_hold_back_together_what_each_of_them_would_let_pass(self, employer: Employer, branch: Employer) -> None:
        for number in range(30):
            for place, name in ((employer, f"c{number:02}"), (branch, f"p{number:02}")):
                place.hires(name)
                user(name, last_name=name.title())
        wide = {"limit_deactivations_percent": 100, "limit_entries_percent": 1, **PLAIN}
        employer.server(**wide, limit_org_deactivations_percent=20)
        branch.server(name="Branch", **wide, limit_org_deactivations_percent=20)
        simulate_and_sync()
        leave(branch, range(10))
        for number in range(10):
            employer.directory.delete(employer.dn(f"c{number:02}"))

        assert held_back(sync()) == [
            (
                "Branch and Corp: 20 of 60 active users of the org Default would be deactivated or blocked "
                "(absent from the directory); the limit is 20 %."
            )
        ]


def test_the_numbers_are_settings_of_the_server_that_none_can_go_without(employer: Employer) -> None:
    server = employer.server(**PLAIN)
    for name, value in (("limit_renames_percent", 0), ("limit_role_losses_percent", 101)):
        with pytest.raises(Invalid) as error:
            servers.save(server=server, values={name: value}, by=SYSTEM, at=NOON)
        assert list(error.value.errors) == [name]
    org("Staff")


class TestAnAttributeThatNobodyHasAnyMore:
    @pytest.fixture
    def company(self, employer: Employer) -> Employer:
        """Twelve with an address; their roles are left alone where they have no title, as they have."""
        staff(employer, 12, title="Nurse")
        script = "function (entry) { return entry.title ? null : null }"
        employer.server(org_name_script="", role_name_script=script, full_reading_every=9)
        simulate_and_sync()
        assert held_back(sync()) == []
        return employer

    def test_holds_the_run_back_until_somebody_allows_it(self, company: Employer) -> None:
        company.directory.allow("to attrs=title by * none", "to * by * read")

        run = sync()

        assert held_back(run) == [
            (
                "Corp: no entry has the attribute title any more, which 12 of 12 entries had at the last complete "
                "reading; see that the bind DN may still read it."
            )
        ]
        assert held_back(sync()) != []
        apply(Run.objects.latest("pk"))
        assert held_back(sync()) == []

    def test_is_no_matter_where_neither_mapping_nor_scripts_name_it(self, company: Employer) -> None:
        company.directory.allow("to attrs=cn by * none", "to * by * read")

        assert held_back(sync()) == []

    def test_is_no_matter_once_the_scripts_do_not_name_it_any_more(self, company: Employer) -> None:
        company.directory.allow("to attrs=title by * none", "to * by * read")
        LdapServer.objects.update(role_name_script="")

        assert held_back(simulate_and_sync()) == []

    def test_is_counted_where_few_entries_change_and_some_go(self, company: Employer) -> None:
        for number in range(2):
            company.directory.modify(company.dn(f"p{number:02}"), {"title": None})
        company.directory.delete(company.dn("p11"))

        counts = sync().readings.get().attribute_counts

        assert (counts["uid"], counts["title"], counts["mail"]) == (11, 9, 11)

    def test_is_counted_where_only_changes_are_read(self, company: Employer) -> None:
        company.directory.modify(company.dn("p00"), {"title": None})

        run = sync(incremental=True)

        assert run.readings.get().since
        assert run.readings.get().attribute_counts["title"] == 11

    def test_costs_no_question_where_nothing_has_changed(self, company: Employer) -> None:
        with CaptureQueriesContext(connection) as queries:
            counts = sync().readings.get().attribute_counts

        assert counts["title"] == 12
        assert [query for query in queries if "GROUP BY" in query["sql"] and '"named"' in query["sql"]] == []

    def test_is_counted_anew_after_a_reading_that_broke_off(self, company: Employer) -> None:
        RunServer.objects.filter(pk=RunServer.objects.latest("pk").pk).update(complete=False, attribute_counts={"x": 1})

        assert sync().readings.get().attribute_counts["title"] == 12
