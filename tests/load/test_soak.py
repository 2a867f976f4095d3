"""Months in minutes: runs, people and faults one after the other on PostgreSQL, and nothing is wrong at the end."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.db import connection
from django.utils import timezone

from directory import invariants
from directory.models import Run, RunState
from tests.load import soak_acts, soak_figures
from tests.load.soak_acts import Work
from tests.load.soak_world import World, opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.whole, pytest.mark.timeout(7200)]
WORKERS = 3
# From so many minutes on it is a soak in earnest: as many users as a company has, and time between two faults.
IN_EARNEST = 5.0


def test_nothing_is_wrong_at_the_end() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("about PostgreSQL")
    minutes = float(os.environ.get("SOAK_MINUTES", "1"))
    earnest = minutes >= IN_EARNEST
    users, pause = (3500, 20.0) if earnest else (300, 5.0)

    # Not in pytest's folder, which every other session of pytest closes to the server's user.
    with TemporaryDirectory(prefix="soak-") as folder, opened(Path(folder), users) as world:
        figures, wrong = soak(world, minutes, users, pause)

    figures.keep()
    print(f"\n{figures}")
    assert wrong == []
    assert figures.broken == 0


def soak(world: World, minutes: float, users: int, pause: float) -> tuple[soak_figures.Figures, list[str]]:
    """Have everything happen for so long; return the figures, and what went wrong."""
    with world.database.beside() as beside:
        beside.execute("ALTER SYSTEM SET log_min_duration_statement = '250ms'")
        beside.execute("SELECT pg_reload_conf()")
    world.workers.ready(WORKERS)
    settle(world, simulated=True)
    settle(world)
    before, first = soak_figures.sizes(), Run.objects.latest("pk").pk
    memory = soak_figures.Memory(world.workers)
    hands = [Work(f"hand {number}", soak_acts.by_hand, 0.2) for number in range(2)]
    edits = Work("directories", soak_acts.edits(world.places), 0.3)
    runs = Work("runs", soak_acts.runs_of(world.places), 0.2)
    works = [*hands, edits, runs]
    # In this thread, as what it starts ends with the thread.
    act, chance, faults = soak_acts.faults(world), random.Random(1), Counter[str]()
    memory.start()
    for work in works:
        work.start()
    ends = time.monotonic() + 60 * minutes
    while time.monotonic() + pause < ends:
        time.sleep(pause)
        faults[act(chance)] += 1
    for work in (*hands, edits, runs):
        work.end(300)
    memory.end()
    connection.close()
    world.workers.ready(WORKERS)
    settle(world)
    wrong = [error for work in works for error in work.errors]
    wrong += [f"{run} failed: {run.error}" for run in Run.objects.filter(state=RunState.FAILED) if not excused(run)]
    wrong += [str(each) for each in invariants.broken(at=timezone.now())]
    return measured(world, minutes, users, before, first, memory, [*hands, edits], faults), wrong


def settle(world: World, *, simulated: bool = False) -> None:
    """Have one run of both servers end as it should, with nothing beside it."""
    ends = time.monotonic() + 120
    while True:
        run = soak_acts.start_and_wait([], simulated=simulated)
        if run.state in {RunState.PLANNED, RunState.APPLIED}:
            return
        assert time.monotonic() < ends, f"{run.state}: {run.error or run.held_back}"
        assert world.workers.processes


def excused(run: Run) -> bool:
    """Return whether a run failed because its directories were stopped or silent, as a soak has it."""
    return any(server.error for server in run.readings.all()) or "LDAP server" in run.error or not run.error


def measured(
    world: World,
    minutes: float,
    users: int,
    before: dict[str, int],
    first: int,
    memory: soak_figures.Memory,
    works: list[Work],
    faults: Counter[str],
) -> soak_figures.Figures:
    """Put the figures together."""
    after = soak_figures.sizes()
    done = Run.objects.filter(pk__gt=first)
    longest, slow = soak_figures.statements(world.log)
    by_hand: Counter[str] = sum((work.done for work in works), Counter())
    rows = Counter(done.values_list("stored_changes__outcome", flat=True).exclude(stored_changes=None))
    repeated = sum(last - start + 1 for start, last in done.values_list("repeats__first", "repeats__last") if start)
    return soak_figures.Figures(
        minutes=minutes,
        users=users,
        runs=dict(Counter(done.values_list("state", flat=True))),
        acts=dict(by_hand),
        faults=dict(faults),
        memory=memory.seen,
        sizes={name: (before.get(name, 0), size) for name, size in after.items()},
        rows_of_runs={**rows, "repeated": repeated},
        longest_statement=longest,
        slow_statements=slow,
        errors=dict(soak_figures.errors(world.log)),
        broken=len(invariants.broken(at=timezone.now())),
    )
