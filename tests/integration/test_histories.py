"""Random histories, after each step of which every rule holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from directory.models import Run, RunState
from directory.values.plan import Action, Outcome
from orgs.models import User
from tests.directories import Directory
from tests.histories.directories import Fault, MemoryDirectories
from tests.histories.machine import Histories
from tests.histories.on_slapd import on
from tests.histories.world import Killed, World, killed_at
from tests.worlds import again

# Finding the shortest history that breaks a rule takes minutes.
pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]

QUICK = settings(
    max_examples=3,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
)


class QuickHistories(Histories):
    """Always the same few; others come each time that the faults are tried."""


@pytest.mark.in_turns
def test_a_random_history_breaks_no_rule() -> None:
    run_state_machine_as_test(seed(3)(QuickHistories), settings=QUICK)


@pytest.mark.in_turns
def test_a_random_history_on_real_servers_with_the_real_sandbox_breaks_no_rule() -> None:
    few = settings(QUICK, max_examples=2, stateful_step_count=15)
    with Directory() as corp, Directory() as branch:
        run_state_machine_as_test(seed(2)(on([corp, branch])), settings=few)


@pytest.fixture
def world() -> Iterator[World]:
    directories = MemoryDirectories()
    with directories.patched():
        yield World(directories)


class TestARunOfOneServer:
    def test_moves_nobody_to_an_org_that_another_servers_users_follow(self, world: World) -> None:
        world.servers["Branch"].people[2].department = "Default"
        world.synchronize(only="Branch")

        world.synchronize()

        moved = User.objects.get(username="Ünal")
        assert (moved.org.name, moved.active) == ("Branch", True)


class TestAFullReadingThatLeavesSomebodyOut:
    """It finds nobody absent who is there; nor do incremental readings build on it."""

    @pytest.mark.parametrize("active", [True, False], ids=["active", "inactive"])
    def test_is_followed_by_another_full_one(self, world: World, active: bool) -> None:
        first = next(iter(world.servers["Corp"].people.values()))
        first.active = active
        world.synchronize()
        left_out = User.objects.get(username=first.usernames[0])
        assert left_out.active == active

        with world.failing("Corp", Fault.FORGETS):
            run = carried_out(world, incremental=False)
        doubting, after = (carried_out(world, incremental=True) for _ in range(2))

        assert (run.state, again(left_out).active) == (RunState.APPLIED, active)
        assert not run.changes.filter(user=left_out, outcome=Outcome.APPLIED).exists()
        scope = doubting.readings.get(server_name="Corp").read_scope
        assert scope == (
            "everything, because the last full reading did not find 1 person of whom nothing proves that they are gone"
        )
        assert all(row.since for row in after.readings.all())

    def test_of_whom_it_is_proven_that_they_are_gone_is_followed_by_an_incremental_one(self, world: World) -> None:
        world.synchronize()
        del world.servers["Corp"].people[0]

        run = carried_out(world, incremental=False)

        assert Action.DEACTIVATE in run.changes.get(username="sean").actions
        assert all(row.since for row in carried_out(world, incremental=True).readings.all())

    def test_and_is_killed_is_followed_by_another_full_one(self, world: World) -> None:
        world.servers["Corp"].people[0].active = False
        world.synchronize()

        with world.failing("Corp", Fault.FORGETS):
            run = world.start(simulated=False)
            assert run is not None
            with killed_at("directory.sync.plan.plan_stage.make_plan", 1, afterwards=False), suppress(Killed):
                world.execute(run)
            assert world.finished(run).state == RunState.APPLIED

        assert (
            "did not find 1 person" in carried_out(world, incremental=True).readings.get(server_name="Corp").read_scope
        )


def carried_out(world: World, *, incremental: bool) -> Run:
    """Start a real run of all servers and carry it out."""
    run = world.start(simulated=False, incremental=incremental)
    assert run is not None
    return world.execute(run)
