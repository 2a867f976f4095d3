"""Of plans that wait beside each other one is applied, so that they can't pass a limit together."""

from __future__ import annotations

import pytest

from directory.actions import stored_plans, undo
from directory.models import Run, RunState
from directory.sync import pipeline
from orgs.actions.errors import Refused
from orgs.actions.users import user_profiles
from orgs.actions.users.user_profiles import Profile
from orgs.models import User
from orgs.rules.actors import Actor
from tests.integration.employer import Employer
from tests.integration.test_old_plans import mark, staff
from tests.makers import make_sysadmin
from tests.worlds import NOON, Clock, simulate_and_sync, sync

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(employer: Employer) -> list[User]:
    return staff(employer, 60)


def applied(plan: Run, by: Actor) -> Run:
    run = stored_plans.apply_plan(run=plan, by=by, at=NOON, wake=False)
    pipeline.execute(run.pk, clock=Clock())
    run.refresh_from_db()
    return run


def other_names(employer: Employer, people: list[User], first: int, last: int) -> None:
    for number, each in enumerate(people):
        name = "Other" if first <= number < last else each.username.title()
        employer.directory.modify(employer.dn(each.username), {"sn": name})


@pytest.mark.parametrize("simulated", [True, False])
def test_eleven_names_and_then_eleven_others_are_not_both_applied(
    employer: Employer, people: list[User], simulated: bool
) -> None:
    by = Actor(label="ada", user_id=make_sysadmin().pk)
    server = employer.server()
    simulate_and_sync()
    if not simulated:
        server.requires_approval = True
        server.save()
    other_names(employer, people, 0, 11)
    first = sync(simulated=simulated)
    other_names(employer, people, 11, 22)
    second = sync(simulated=simulated)
    assert (first.held_back, second.held_back) == ([], [])
    assert first.state == (RunState.PLANNED if simulated else RunState.HELD_BACK)

    assert applied(first, by).state == RunState.APPLIED
    with pytest.raises(Refused, match=f"the plan of run {second.pk} is void"):
        applied(second, by)

    assert User.objects.filter(last_name="Other").count() <= 11


def test_a_plan_that_passes_a_limit_that_was_lowered_since_is_refused(employer: Employer, people: list[User]) -> None:
    by = Actor(label="ada", user_id=make_sysadmin().pk)
    server = employer.server()
    simulate_and_sync()
    mark(employer, people[:9], "inactive")
    plan = sync(simulated=True)
    assert not plan.held_back
    server.limit_deactivations_count = 8
    server.save()

    with pytest.raises(Refused, match=f"the plan of run {plan.pk} passes a limit by now: .*limit is 8"):
        applied(plan, by)

    assert not User.objects.filter(active=False).exists()


def test_what_a_plan_was_held_back_for_is_no_reason_to_refuse_it(employer: Employer, people: list[User]) -> None:
    by = Actor(label="ada", user_id=make_sysadmin().pk)
    employer.server()
    simulate_and_sync()
    mark(employer, people[:9], "inactive")
    sync()
    mark(employer, people[9:18], "inactive")
    plan = sync()
    assert plan.held_back

    assert applied(plan, by).state == RunState.APPLIED
    assert User.objects.filter(active=False).count() == 18


def undone(run: Run, by: Actor) -> Run:
    plan = undo.start(run=run, by=by, at=NOON, wake=False)
    pipeline.execute(plan.pk, clock=Clock())
    return applied(plan, by)


@pytest.mark.parametrize("put_back", [1, 9])
def test_an_undo_counts_where_it_has_put_everybody_back(employer: Employer, people: list[User], put_back: int) -> None:
    by = Actor(label="ada", user_id=make_sysadmin().pk)
    employer.server()
    simulate_and_sync()
    mark(employer, people[:9], "inactive")
    gone = sync()
    assert User.objects.filter(active=False).count() == 9
    left = {each.pk: Profile(each.username, f"{each.username}@example.com") for each in people[put_back:9]}
    user_profiles.update_profiles(profiles=left, by=by, at=NOON)
    assert undone(gone, by).counts["activated"] == put_back
    mark(employer, people[:9], "active")
    mark(employer, people[9 - put_back : 18 - put_back], "inactive")
    User.objects.filter(pk__in=left).update(deactivated_by="person")

    run = sync()

    assert run.state == (RunState.APPLIED if put_back == 9 else RunState.HELD_BACK)
