"""A simulation's plan is copied by the worker that applies it: in one statement, wholly or not at all, and once."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from directory.actions import run_start_and_cancel, stored_plans
from directory.models import Run, RunState
from directory.sync import pipeline
from directory.sync.apply import change_batches
from directory.sync.stored import plan_rows
from directory.values.plan import Outcome
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, simulate, user

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PEOPLE = 12


class Killed(BaseException):
    """The worker is gone."""


@pytest.fixture
def plan(employer: Employer) -> Run:
    for number in range(PEOPLE):
        employer.hires(f"user{number:02}", employeeType="active")
        user(f"user{number:02}")
    employer.server()
    return simulate()


def begun(plan: Run) -> Run:
    return stored_plans.apply_plan(run=plan, by=SYSTEM, at=NOON, wake=False)


def carried_out(run: Run) -> Run:
    pipeline.execute(run.pk, clock=Clock())
    run.refresh_from_db()
    return run


def test_whoever_presses_the_button_does_not_wait_for_it(plan: Run) -> None:
    run = begun(plan)

    assert (run.state, run.changes.count()) == (RunState.APPLYING, 0)
    assert run.counts == plan.counts
    assert run.org_counts == plan.org_counts


def test_the_worker_copies_it_in_one_statement_and_applies_exactly_that(plan: Run) -> None:
    run = begun(plan)

    with CaptureQueriesContext(connection) as queries:
        carried_out(run)

    assert run.state == RunState.APPLIED
    columns = ("username", "before", "after", "actions", "server_name")
    assert list(run.changes.values_list(*columns)) == list(plan.changes.values_list(*columns))
    assert set(run.changes.values_list("outcome", flat=True)) == {Outcome.APPLIED}
    assert sum(each["sql"].startswith('INSERT INTO "directory_runchange"') for each in queries) == 1


@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_a_worker_that_dies_of_it_leaves_all_to_the_next_one(
    plan: Run, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run = begun(plan)
    copy, batch = plan_rows.copy_plan, change_batches.batch

    def die(*_: object, **known: int) -> int:
        if when == "within":
            copy(**known)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(*((change_batches, "batch") if when == "after" else (plan_rows, "copy_plan")), die)
        with pytest.raises(Killed):
            carried_out(run)
    left = run.changes.count()

    carried_out(run)

    assert left == (PEOPLE if when == "after" else 0)
    assert run.state == RunState.APPLIED
    assert run.changes.filter(outcome=Outcome.APPLIED).count() == PEOPLE == User.objects.exclude(last_name="").count()
    assert change_batches.batch is batch


def test_a_worker_that_was_overtaken_meanwhile_copies_nothing(plan: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run, copy = begun(plan), plan_rows.copy_plan

    def overtaken(**known: int) -> int:
        Run.objects.filter(pk=run.pk).update(fence=run.fence + 5)
        return copy(**known)

    monkeypatch.setattr(plan_rows, "copy_plan", overtaken)
    carried_out(run)

    assert (run.state, run.changes.count()) == (RunState.APPLYING, 0)


def test_it_can_be_cancelled_before_that(plan: Run) -> None:
    run = begun(plan)
    run_start_and_cancel.cancel(run=run, by=SYSTEM, at=NOON)

    carried_out(run)

    assert (run.state, run.counts["profileChanged"]) == (RunState.CANCELLED, 0)
    assert not User.objects.exclude(last_name="").exists()
