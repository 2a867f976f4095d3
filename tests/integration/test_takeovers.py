"""What a worker that has lost its run, or is at its end, can still do to the one that goes on with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from directory.actions import run_start_and_cancel, stored_plans
from directory.models import Run, RunState, Trigger
from directory.sync import lease, pipeline
from directory.sync.lease import Clock as RunClock
from directory.sync.lease import Lease, Progress
from orgs.rules.actors import SYSTEM
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, user

pytestmark = pytest.mark.django_db


def queued() -> Run:
    return run_start_and_cancel.start(servers=(), simulated=False, trigger=Trigger.HAND, by=SYSTEM, at=NOON, wake=False)


def carried_out(run: Run) -> Run:
    pipeline.execute(run.pk, clock=Clock())
    run.refresh_from_db()
    return run


@pytest.fixture
def half_gone(employer: Employer) -> Run:
    """A run that waits and is held back, as half of all users are gone and nothing was simulated."""
    employer.hires("mia")
    employer.server()
    user("sean")
    user("mia")
    return queued()


class TestARunThatWasHeldBack:
    def test_is_out_of_the_hands_of_its_worker_once_it_is_applied(
        self, half_gone: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claim = lease.claim
        leases: list[Lease | None] = []

        def noted(run_id: int, *, clock: RunClock, progress: Progress) -> Lease | None:
            leases.append(claim(run_id, clock=clock, progress=progress))
            return leases[-1]

        monkeypatch.setattr(lease, "claim", noted)
        held_back = carried_out(half_gone).state
        first = leases[0]
        assert first is not None

        stored_plans.apply_plan(run=half_gone, by=SYSTEM, at=NOON, wake=False)
        # Its worker still sends the mail, and its heart beats on.
        still_in_charge = first.beat()
        applied = carried_out(half_gone).state

        assert (held_back, still_in_charge, applied) == (RunState.HELD_BACK, False, RunState.APPLIED)

    def test_is_not_closed_before_the_command_that_applies_it_has_begun(self, half_gone: Run) -> None:
        later = NOON + timedelta(hours=1)
        held_back = carried_out(half_gone).state
        stored_plans.apply_plan(run=half_gone, by=SYSTEM, at=later, wake=False)

        run_start_and_cancel.close_dead(at=later)

        half_gone.refresh_from_db()
        assert (held_back, half_gone.state) == (RunState.HELD_BACK, RunState.APPLYING)


class TestTheExtraTimeout:
    def test_of_a_second_look_is_that_of_the_reading(
        self, employer: Employer, half_gone: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.server(operation_timeout=3600)
        renew = Lease.renew
        longest: dict[str, int] = {}

        def noted(held: Lease, *, phase: str, extra_timeout: int = 0, **rest: Any) -> None:
            longest[phase] = max(longest.get(phase, 0), extra_timeout)
            renew(held, phase=phase, extra_timeout=extra_timeout, **rest)

        monkeypatch.setattr(Lease, "renew", noted)

        carried_out(half_gone)

        assert longest["asking again"] >= longest["reading Corp"] >= 3600
