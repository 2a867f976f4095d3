"""Random histories, after each step of which every rule holds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import Histories

pytestmark = pytest.mark.django_db

QUICK = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
)


def test_a_random_history_breaks_no_rule() -> None:
    run_state_machine_as_test(Histories, settings=QUICK)
