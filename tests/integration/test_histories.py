"""Random histories, after each step of which every rule holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from orgs.models import User
from tests.directories import Directory
from tests.histories.directories import MemoryDirectories
from tests.histories.machine import Histories
from tests.histories.on_slapd import on
from tests.histories.world import World

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


def test_a_random_history_breaks_no_rule() -> None:
    run_state_machine_as_test(seed(3)(QuickHistories), settings=QUICK)


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
