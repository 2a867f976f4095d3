"""The claim that a second Celery worker on a second core is worth having when scripts are what takes the time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import dukpy
import redis

from tests.bench.console import SEED_SCRIPTS
from tests.bench.figures import ratio, seconds
from tests.bench.machine import ROOT
from tests.bench.measuring import CommandFailed
from tests.bench.rows import Goal, Row, not_measured
from tests.bench.suite import Suite
from tests.bench.world import World
from tests.server_process import free_port

WORKERS = Row(
    "workers",
    "two Celery workers with a core each, scripts that cost 1 ms an entry, users/s",
    "one worker with a core",
    Goal(1.7, at_least=True),
)
ROWS = (WORKERS,)
COST = 0.001
# The first time takes longer, and so does one in which another process had its turn.
TRIES = 10
TIMEOUT = 30.0
BURN = "(function (rounds) {{ var x = 0; for (var i = 0; i < rounds; i++) {{ x = (x + i) % 7; }} return x; }})({})"


def measure(suite: Suite) -> Iterator[Row]:
    """Have one worker, then two, carry out the same run, turn by turn."""
    if len(os.sched_getaffinity(0)) < 2:
        yield not_measured(WORKERS, "there is only one core")
        return
    times: dict[int, list[float]] = {1: [], 2: []}
    world = suite.jobs(suite.options.smaller).world
    count = world.count
    with _broker(suite.new_folder()) as url:
        world.console.environment["REDIS_URL"] = url
        world.follow(slow_scripts())
        world.sync_summary(simulated=True)
        for _ in range(suite.options.repeats):
            for workers, found in times.items():
                suite.report(f"{count:,} users and slow scripts, {workers} Celery worker{'s'[: workers - 1]}")
                world.console.inside("forget")
                found.append(_queued(world, workers))
        world.follow(SEED_SCRIPTS)
        world.sync_summary()
    yield Row(
        WORKERS.key,
        WORKERS.what,
        WORKERS.against,
        WORKERS.goal,
        measured=ratio(times[1], times[2]),
        details=f"{count:,} users: {seconds(times[2])} against {seconds(times[1])}",
        samples={"users": count, "one": times[1], "two": times[2]},
    )


def slow_scripts() -> dict[str, str]:
    """Return the seed's scripts, the first of which does nothing for a thousandth of a second on this machine."""
    rounds = rounds_for(COST)
    burn = f"for (var i = 0, x = 0; i < {rounds}; i++) {{ x = (x + i) % 7; }}"
    return {**SEED_SCRIPTS, "active_script": f"function (entry) {{ {burn} return entry.employeeType != 'inactive' }}"}


def rounds_for(cost: float) -> int:
    """Return how many rounds of a loop take so many seconds, when nothing else gets in between."""
    rounds, interpreter = 100_000, dukpy.JSInterpreter()
    return max(1, round(rounds * cost / min(_seconds(interpreter, rounds) for _ in range(TRIES))))


def _seconds(interpreter: dukpy.JSInterpreter, rounds: int) -> float:
    started = time.perf_counter()
    interpreter.evaljs(BURN.format(rounds))
    return time.perf_counter() - started


def _queued(world: World, workers: int) -> float:
    """Return how many seconds a run takes from the queue to its end, with so many workers waiting for work."""
    with ExitStack() as stack:
        for number, core in zip(range(workers), sorted(os.sched_getaffinity(0)), strict=False):
            stack.enter_context(_worker(world, number, core))
        details: dict[str, Any] = world.console.inside("queue", str(workers))
    if details["state"] != "applied" or details["users"] != world.count:
        raise CommandFailed(f"the run of {workers} workers ended otherwise than it should: {details}")
    return float(details["seconds"])


@contextmanager
def _worker(world: World, number: int, core: int) -> Iterator[None]:
    """Have one worker as ``manage.py serve`` starts it, with a core of its own for itself and its scripts."""
    options = [
        "--queues",
        "sync,mail",
        "--concurrency",
        "1",
        "--without-gossip",
        "--without-mingle",
        "-n",
        f"w{number}@%h",
    ]
    command = [
        "taskset",
        "--cpu-list",
        str(core),
        sys.executable,
        "-m",
        "celery",
        "-A",
        "console.celery",
        "worker",
        *options,
    ]
    path = world.console.folder / f"worker{number}.log"
    with path.open("wb") as log:
        process = Popen(command, env=world.console.environment, cwd=ROOT, stdout=log, stderr=log, stdin=DEVNULL)
        try:
            _wait_for_word(path, " ready.", process)
            yield
        finally:
            process.terminate()
            process.wait(TIMEOUT)


def _wait_for_word(path: Path, word: str, process: Popen[bytes]) -> None:
    ends = time.monotonic() + TIMEOUT
    while word not in path.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > ends:
            raise CommandFailed(f"a worker did not start: {path.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    """Run a Redis of one's own; the value is its address."""
    folder.mkdir()
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = Popen(command, stdout=DEVNULL, stderr=DEVNULL, stdin=DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        _wait_for_redis(url)
        yield url
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def _wait_for_redis(url: str) -> None:
    ends = time.monotonic() + TIMEOUT
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > ends:
                    raise CommandFailed("redis-server did not start") from None
                time.sleep(0.05)
            else:
                return
