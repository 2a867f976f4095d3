"""Many browsers at once while everybody is changed by syncs, and others act on the same users by hand."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from directory.actions import run_start_and_cancel
from directory.models import Run, RunChange, RunState, Trigger
from directory.values.plan import Outcome
from orgs.models import Device, Org
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM
from tests.brokers import messages_go_to
from tests.directories import Directory, people
from tests.load import site
from tests.load.figures import NOT_A_PAGE, Figures, percentile, slowest
from tests.load.losses import losses
from tests.load.processes import LoadProcesses

pytestmark = pytest.mark.django_db(transaction=True)

# Processes that act on users, each on users of its own.
HANDS = 2
# What 95 of 100 pages have to be there in, in milliseconds.
BUDGET = 500


@dataclass(frozen=True, slots=True)
class Load:
    """How much of everything; ``think`` is for how long people think, and ``timeout`` how long a run may take."""

    users: int
    browsers: int
    rounds: int
    by_hand: int
    think: tuple[float, float]
    timeout: float


SMALL = Load(users=150, browsers=6, rounds=2, by_hand=30, think=(0.05, 0.3), timeout=90)
FULL = Load(
    users=int(os.environ.get("USERS", "20000")),
    browsers=int(os.environ.get("BROWSERS", "50")),
    rounds=int(os.environ.get("ROUNDS", "3")),
    by_hand=400,
    think=(2.0, 5.0),
    timeout=1200,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a load test: the figures, what went wrong, and what was lost."""

    figures: Figures
    errors: list[str]
    lost: list[str]
    slowest: str


class TestWhileASyncChangesEveryUser:
    @pytest.mark.in_turns
    def test_a_few_browsers_meet_no_error_and_nothing_is_lost(self, redis_url: str, tmp_path: Path) -> None:
        seen = carry_out(SMALL, tmp_path, redis_url)

        assert (seen.errors, seen.lost) == ([], [])
        assert min(seen.figures.requests, seen.figures.by_hand, seen.figures.changes) > 0

    @pytest.mark.whole
    @pytest.mark.timeout(7200)
    def test_fifty_browsers_have_their_pages_within_half_a_second(self, redis_url: str, tmp_path: Path) -> None:
        seen = carry_out(FULL, tmp_path, redis_url)

        seen.figures.keep()
        print(f"\n{seen.slowest}\n{seen.figures}")
        assert (seen.errors[:20], seen.lost[:20]) == ([], [])
        assert seen.figures.p95 < BUDGET, seen.slowest


def carry_out(load: Load, folder: Path, redis_url: str) -> Seen:
    """Do everything at once and return what came of it."""
    with Directory(ldif=people(load.users)) as directory:
        users = [user.pk for user in site.fill(load.users)]
        environment = os.environ | site.environment(folder, redis_url=redis_url, directory=directory)
        processes = LoadProcesses(folder, environment)
        with messages_go_to(redis_url), site.running(folder, environment) as address:
            try:
                site.server(directory, 0)
                carry_out_run(load, simulated=True)
                send(processes, load, users, address, folder)
                began = time.time()
                done = [next_round(number, load, directory, folder) for number in range(load.rounds)]
                ended = time.time()
                processes.go_home()
            finally:
                processes.leave()
    return report(load, processes, done, (began, ended))


def send(processes: LoadProcesses, load: Load, users: list[int], address: str, folder: Path) -> None:
    """Send everybody to work, and wait until all browsers have their first page."""
    administrators = site.administrators(load.browsers)
    sessions = {user: site.session_of(user) for user in administrators}
    job: dict[str, Any] = {
        "address": address,
        "cookie": settings.SESSION_COOKIE_NAME,
        "sessions": list(sessions.values()),
        "system": [session for user, session in sessions.items() if user.may(Permission.SYSTEM)],
        "users": users,
        "orgs": list(Org.objects.values_list("pk", flat=True)),
        "devices": list(Device.objects.values_list("pk", flat=True)),
        "alerts": site.alerts(10 * load.browsers),
        "think": load.think,
        "run": str(folder / "run"),
        "seed": 1,
    }
    processes.send("browsers", "tests.load.browsers", job)
    # Those whom the directory knows as inactive are among them: a hold then decides what a sync may do.
    share = load.by_hand // HANDS
    for number in range(HANDS):
        mine = users[number * share : (number + 1) * share]
        acts = {"users": mine, "by": administrators[0].pk, "pause": load.think[0], "seed": number}
        processes.send(f"hands-{number}", "tests.load.hands", acts)
    processes.wait_until("browsers", "first page", load.browsers)


def next_round(number: int, load: Load, directory: Directory, folder: Path) -> Run:
    """Want something else of every user than before, and have that applied; the run is where browsers look for it."""
    if number:
        site.server(directory, number)
        carry_out_run(load, simulated=True)
    return carry_out_run(load, simulated=False, noted_in=folder / "run")


def carry_out_run(load: Load, *, simulated: bool, noted_in: Path | None = None) -> Run:
    """Have the worker carry a run out, and wait for its end."""
    run = run_start_and_cancel.start(
        servers=(), simulated=simulated, trigger=Trigger.HAND, by=SYSTEM, at=timezone.now()
    )
    if noted_in is not None:
        noted_in.write_text(str(run.pk))
    ends = time.monotonic() + load.timeout
    while run.live:
        assert time.monotonic() < ends, f"run {run.pk} is still {run.state}, {run.phase} {run.done}"
        time.sleep(0.1)
        run.refresh_from_db()
    expected = RunState.PLANNED if simulated else RunState.APPLIED
    assert run.state == expected, (run.state, run.error, run.held_back)
    return run


def report(load: Load, processes: LoadProcesses, done: list[Run], period: tuple[float, float]) -> Seen:
    """Count what was asked and done, and look for what was lost."""
    rows = processes.rows("browsers")
    hands = [json.loads(processes.results(f"hands-{number}").read_text()) for number in range(HANDS)]
    lost = losses(runs=done, browsers=rows, hands=hands)
    errors = [row["error"] for row in rows if row["error"]] + [error for result in hands for error in result["errors"]]
    measured = [row for row in rows if period[0] <= row["at"] <= period[1]]
    times = sorted(row["ms"] for row in measured if row["kind"] not in NOT_A_PAGE)
    acts = sorted(each for result in hands for each in result["times"])
    fates = RunChange.objects.filter(run__in=done)
    figures = Figures(
        database=connection.vendor,
        users=load.users,
        browsers=load.browsers,
        runs=len(done),
        seconds=round(period[1] - period[0], 1),
        changes=fates.filter(outcome=Outcome.APPLIED).count(),
        changed_meanwhile=fates.filter(outcome=Outcome.CHANGED_MEANWHILE).count(),
        by_hand=len(acts),
        requests=len(measured),
        writes=sum(row["wrote"] is not None for row in measured),
        errors=len(errors),
        lost=len(lost),
        p50=percentile(times, 50),
        p95=percentile(times, 95),
        p99=percentile(times, 99),
        longest=times[-1] if times else 0.0,
        longest_export=max((row["ms"] for row in measured if row["kind"] == "export"), default=0.0),
        p95_by_hand=percentile(acts, 95),
    )
    result = "\n".join(
        f"{kind:<18}{count:>6} {half:>8.0f} ms {most:>8.0f} ms" for kind, count, half, most in slowest(measured)
    )
    return Seen(figures, errors, lost, result)
