"""Many random histories, on memory's directories and on real ones: after each step every rule holds."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.catalogue import noted
from tests.directories import Directory
from tests.histories.machine import COUNTED, Histories
from tests.histories.on_slapd import on

# Finding the shortest history that breaks a rule takes minutes.
pytestmark = [pytest.mark.django_db, pytest.mark.whole, pytest.mark.timeout(9000)]

WHOLE = settings(
    max_examples=200,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
)


def test_random_histories() -> None:
    COUNTED.clear()
    with noted(
        "faults",
        "random histories of syncs, edits, holds, undos and crashes",
        how="people, entries, roles, servers, their orgs and their order change at random between and during runs, ids are "
        "hidden, usernames reused, files uploaded, old plans applied, workers killed anywhere",
        expected="after each step every rule of check_invariants holds, and nobody is cut off without proof",
        where=connection.vendor,
    ) as row:
        run_state_machine_as_test(Histories, settings=WHOLE)
        with Directory() as corp, Directory() as branch:
            run_state_machine_as_test(on([corp, branch]), settings=settings(WHOLE, max_examples=6))

        row.saw(
            f"{COUNTED['steps']} steps of {COUNTED['histories']} histories, {COUNTED['runs']} runs with "
            f"{COUNTED['changes']} changes, {COUNTED['undos']} undos: no rule was broken",
            wrongly_changed=0,
        )
