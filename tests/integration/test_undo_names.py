"""The way back of usernames that somebody does not give up any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.actions import stored_plans, undo
from directory.models import Run
from directory.sync import pipeline
from directory.values.plan import Outcome
from orgs.actions.users import user_profiles
from orgs.actions.users.user_profiles import Profile
from orgs.rules.actors import Actor
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, change_of, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

ADA = Actor("ada")
LATER = NOON + timedelta(days=2)


def carried_out(run: Run) -> Run:
    pipeline.execute(run.pk, clock=Clock(LATER))
    run.refresh_from_db()
    return run


class TestWhoCanNotHaveTheOldUsername:
    def test_still_gets_back_the_rest(self, employer: Employer) -> None:
        employer.hires("kim")
        employer.hires("lee")
        kim, lee = user("kim"), user("lee")
        employer.server()
        simulate_and_sync()
        employer.directory.rename(employer.dn("lee"), "uid=lee2")
        employer.directory.rename(employer.dn("kim"), "uid=lee")
        employer.directory.modify(employer.dn("lee2"), {"mail": "lee2@example.com"})
        run = sync()
        renamed = [again(each).username for each in (kim, lee)]
        user_profiles.update_profiles(
            profiles={kim.pk: Profile("lee", "other@example.com", "", "Kim")}, by=ADA, at=NOON
        )

        plan = carried_out(undo.start(run=run, by=ADA, at=LATER, wake=False))
        back = carried_out(stored_plans.apply_plan(run=plan, by=ADA, at=LATER, wake=False))

        assert renamed == ["lee", "lee2"]
        assert change_of(plan, "lee2").warnings == ["The username lee is another user's now: stays lee2"]
        assert change_of(back, "lee2").outcome == Outcome.APPLIED
        assert [again(each).username for each in (kim, lee)] == ["lee", "lee2"]
        assert again(lee).email == ""
