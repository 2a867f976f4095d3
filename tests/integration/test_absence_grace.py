"""Absence grace: what counts as an absence, when the grace is over, and when the count is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.actions import stored_plans
from directory.models import Absence, Run
from directory.sync import pipeline
from directory.values.plan import Outcome
from orgs.actions.errors import Refused
from orgs.actions.users import org_moves
from orgs.rules.actors import Actor
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, change_of, org, simulate, sync, user

pytestmark = pytest.mark.django_db

ADA = Actor("ada")


def applied(plan: Run) -> Run:
    run = stored_plans.apply_plan(run=plan, by=ADA, at=NOON, wake=False)
    pipeline.execute(run.pk, clock=Clock())
    return run


class TestTheGrace:
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

    def test_counts_a_reading_once_however_often_its_plan_is_to_be_applied(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server(absence_runs=4)
        sean = user("sean")
        user("mia")
        plan = simulate()
        applied(plan)

        with pytest.raises(Refused, match="has been applied by run"):
            applied(plan)

        assert Absence.objects.get(user=sean).runs == 1

    def test_does_not_count_a_plan_that_is_older_than_the_run_that_found_the_user(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server(absence_runs=2)
        sean = user("sean")
        user("mia")
        old = simulate()
        employer.hires("sean")
        sync()
        with pytest.raises(Refused, match="is void"):
            applied(old)
        employer.directory.delete(employer.dn("sean"))

        run = sync()

        assert change_of(run, "sean").outcome == Outcome.WAITING
        assert again(sean).active

    def test_starts_again_once_the_user_was_out_of_scope(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server(absence_runs=2, absence_hours=24)
        outside, inside = org("Outside", parent="ADMIN"), org("Default")
        sean = user("sean")
        user("mia")
        simulate()
        sync()
        late = NOON + timedelta(days=90)
        org_moves.move(moves={sean.pk: outside.pk}, by=ADA, at=NOON)
        sync(at=late)
        org_moves.move(moves={sean.pk: inside.pk}, by=ADA, at=late)

        run = sync(at=late + timedelta(hours=1))

        assert change_of(run, "sean").outcome == Outcome.WAITING
        assert again(sean).active
