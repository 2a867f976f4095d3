"""Runs by schedule: started when a server is due, not before, and woken when a worker was lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.actions import due_runs, run_start_and_cancel, sync_settings
from directory.models import Run, RunState, Trigger
from orgs.rules.actors import SYSTEM
from tests.integration.employer import Employer
from tests.worlds import NOON, ldap_server

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note which runs a worker is told of, instead of telling a broker that no test here has."""
    calls: list[int] = []
    monkeypatch.setattr(run_start_and_cancel, "wake_worker", calls.append)
    return calls


class TestStartDue:
    def test_starts_a_real_run_every_12_hours_by_default(self, employer: Employer) -> None:
        employer.server()

        times = [NOON + timedelta(hours=hours) for hours in (0, 11, 12, 13)]
        started = [due_runs.start_due(at=at) for at in times]

        assert [run is not None for run in started] == [False, False, True, False]
        run = Run.objects.get()
        assert (run.simulated, run.trigger, run.started_by_label) == (False, Trigger.SCHEDULE, "system")

    def test_starts_nothing_when_the_interval_is_zero(self, employer: Employer) -> None:
        employer.server()
        sync_settings.save(values={"interval_hours": 0}, by=SYSTEM, at=NOON)

        assert due_runs.start_due(at=NOON + timedelta(days=400)) is None
        assert due_runs.next_runs(at=NOON) == {}

    def test_follows_a_servers_own_interval(self, employer: Employer) -> None:
        server = employer.server(sync_interval_hours=1)
        due_runs.start_due(at=NOON)

        assert due_runs.next_runs(at=NOON) == {server.pk: NOON + timedelta(hours=1)}
        assert due_runs.start_due(at=NOON + timedelta(hours=1)) is not None

    def test_follows_a_changed_interval_at_once_from_the_last_run_on(self, employer: Employer) -> None:
        server = employer.server()
        due_runs.start_due(at=NOON)
        six = NOON + timedelta(hours=6)

        sync_settings.save(values={"interval_hours": 24}, by=SYSTEM, at=six)
        longer = due_runs.next_runs(at=six)
        sync_settings.save(values={"interval_hours": 7}, by=SYSTEM, at=six)

        assert longer == {server.pk: NOON + timedelta(hours=24)}
        assert due_runs.start_due(at=NOON + timedelta(hours=6, minutes=59)) is None
        assert due_runs.start_due(at=NOON + timedelta(hours=7)) is not None

    def test_counts_an_interval_from_when_it_was_turned_on(self, employer: Employer) -> None:
        employer.server()
        due_runs.start_due(at=NOON)
        sync_settings.save(values={"interval_hours": 0}, by=SYSTEM, at=NOON)

        sync_settings.save(values={"interval_hours": 1}, by=SYSTEM, at=NOON + timedelta(hours=6))

        assert due_runs.start_due(at=NOON + timedelta(hours=6, minutes=59)) is None
        assert due_runs.start_due(at=NOON + timedelta(hours=7)) is not None

    def test_waits_while_another_run_holds_the_server(self, employer: Employer) -> None:
        employer.server()
        due_runs.start_due(at=NOON)
        run_start_and_cancel.start(servers=[], simulated=True, trigger=Trigger.HAND, by=SYSTEM, at=NOON)

        assert due_runs.start_due(at=NOON + timedelta(hours=12)) is None

    def test_starts_nothing_without_a_server_that_an_org_uses(self) -> None:
        ldap_server("ldap://127.0.0.1:1", orgs=[])

        assert due_runs.start_due(at=NOON + timedelta(days=1)) is None


class TestWakeAbandoned:
    def test_tells_a_worker_of_runs_that_wait(self, employer: Employer, woken: list[int]) -> None:
        employer.server()
        run = run_start_and_cancel.start(
            servers=[], simulated=True, trigger=Trigger.HAND, by=SYSTEM, at=NOON, wake=False
        )

        assert due_runs.wake_abandoned(at=NOON) == 1
        assert woken == [run.pk]

    def test_ends_a_run_that_died_too_often_and_frees_its_server(self, employer: Employer) -> None:
        employer.server()
        run = run_start_and_cancel.start(
            servers=[], simulated=True, trigger=Trigger.HAND, by=SYSTEM, at=NOON, wake=False
        )
        Run.objects.filter(pk=run.pk).update(attempts=5)

        due_runs.wake_abandoned(at=NOON)

        run.refresh_from_db()
        assert run.state == RunState.FAILED
        again = run_start_and_cancel.start(servers=[], simulated=True, trigger=Trigger.HAND, by=SYSTEM, at=NOON)
        assert again.state == RunState.QUEUED
