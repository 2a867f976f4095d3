"""Whom a run of some servers looks after, and what it leaves to the servers and people outside its scope."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory.actions import stored_plans
from directory.models import Match
from directory.sync import pipeline
from directory.values.plan import Action, Outcome
from orgs.actions.users import org_moves
from orgs.rules.actors import Actor
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, change_of, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

ADA = Actor("ada")


@pytest.fixture
def subsidiary() -> Iterator[Employer]:
    """An employer with another directory."""
    with Directory(memberof=True) as directory:
        yield Employer(directory)


class TestARunOfOneServer:
    def test_moves_nobody_to_an_org_that_does_not_ask_it(self, employer: Employer, subsidiary: Employer) -> None:
        org("Berlin")
        employer.hires("sean", departmentNumber="Berlin")
        subsidiary.hires("mia")
        north = employer.server(name="North", orgs=("Default",))
        south = subsidiary.server(name="South", orgs=("Berlin",))
        sean = user("sean")
        planned = change_of(simulate(), "sean")
        simulate(north)
        simulate(south)

        sync(north)
        stayed = again(sean).org.name
        sync(south)

        assert Action.MOVE not in planned.actions
        assert any("does not ask North" in warning for warning in planned.warnings)
        assert (stayed, again(sean).active) == ("Default", True)


class TestAnAbsence:
    def test_is_not_applied_once_the_org_asks_another_server_too(
        self, employer: Employer, subsidiary: Employer
    ) -> None:
        employer.hires("mia")
        subsidiary.hires("sean")
        employer.server(name="North")
        sean = user("sean")
        user("mia")
        plan = simulate()
        run = stored_plans.apply_plan(run=plan, by=ADA, at=NOON, wake=False)
        subsidiary.server(name="South")

        pipeline.execute(run.pk, clock=Clock())

        assert again(sean).active


class TestTheEntryOfSomebodyOutsideTheRun:
    def test_is_nobody_elses_though_it_carries_their_username(self, employer: Employer, subsidiary: Employer) -> None:
        org("Berlin")
        org("Both")
        employer.hires("mia")
        subsidiary.hires("kim")
        north = employer.server(name="North", orgs=("Both",))
        subsidiary.server(name="South", orgs=("Both", "Berlin"))
        kim = user("kim", org_name="Berlin")
        simulate_and_sync()
        known = Match.objects.filter(user=kim).exists()
        lee = user("lee", org_name="Both")
        subsidiary.directory.rename(subsidiary.dn("kim"), "uid=lee")
        subsidiary.directory.modify(subsidiary.dn("lee"), {"employeeType": "inactive"})

        whole = simulate()
        simulate(north)
        part = sync(north)

        assert known
        assert [change_of(run, "lee").outcome for run in (whole, part)] == [Outcome.CONFLICT, Outcome.CONFLICT]
        assert again(lee).active

    def test_is_nobody_elses_when_their_org_is_managed_locally(self, employer: Employer) -> None:
        local = org("Local", parent="ADMIN")
        employer.hires("kim")
        employer.hires("mia")
        employer.server()
        kim = user("kim")
        user("mia")
        simulate_and_sync()
        org_moves.move(moves={kim.pk: local.pk}, by=ADA, at=NOON)
        lee = user("lee")
        employer.directory.rename(employer.dn("kim"), "uid=lee")
        employer.directory.modify(employer.dn("lee"), {"employeeType": "inactive"})

        run = sync()

        assert change_of(run, "lee").outcome == Outcome.CONFLICT
        assert again(lee).active
