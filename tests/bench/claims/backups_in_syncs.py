"""The claim that twenty devices back up during a sync of 20,000 users, and that people notice nothing of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.bench.figures import percentile, seconds, short
from tests.bench.jobs import round_of_scripts
from tests.bench.machine import ROOT
from tests.bench.measuring import CommandFailed, run
from tests.bench.restic import MEGABYTE, Restic, need_restic
from tests.bench.rows import Goal, Row
from tests.bench.services import MeasuredStore, measured_web
from tests.bench.suite import Suite
from tests.bench.world import World
from tests.load.figures import NOT_A_PAGE, slowest
from tests.load.processes import LoadProcesses

CLIENTS = 20
PAGES = Row(
    "pages-in-backups",
    f"p95 of the console's pages while {CLIENTS} devices back up and a sync changes 20,000 users",
    "–",
    Goal(300, "ms"),
)
FAILED = Row("failed-backups", "backups of these that failed", "–", Goal(0, ""))
ROWS = (PAGES, FAILED)
# People who read pages, and think for two to five seconds in between.
BROWSERS = 10
# The clients compute on the same machine; in earnest they do so on laptops, and take nothing from the server.
LAPTOPS_NICE = 19
# Runs are carried out by a worker of this priority.
WORKERS_NICE = 10


@dataclass(slots=True)
class Backups:
    """What came of the clients; each backs up new files until ``ended``, and at least once."""

    ended: threading.Event = field(default_factory=threading.Event)
    times: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def measure(suite: Suite) -> Iterator[Row]:
    """Do everything at once and yield the rows."""
    need_restic()
    users = suite.options.sized(20_000, 1000)
    size = suite.options.sized(30, 2) * MEGABYTE
    with suite.world(users) as world:
        world.follow(round_of_scripts(0))
        world.sync_summary(simulated=True)
        console = world.console
        devices = console.inside("devices", "there", str(CLIENTS))
        job = console.inside("people_at_work", str(BROWSERS)) | {"think": (2.0, 5.0), "seed": 1}
        with MeasuredStore(console) as store, measured_web(console) as web:
            there = LoadProcesses(console.folder, os.environ)
            try:
                where = {"address": f"http://127.0.0.1:{web.port}", "run": str(console.folder / "run")}
                there.send("browsers", "tests.load.browsers", job | where)
                there.wait_until("browsers", "first page", BROWSERS)
                suite.report(f"{CLIENTS} devices back up while a sync changes {users:,} users")
                (began, ended), done = _all_at_once(suite, world, store, devices, size)
                there.go_home()
            finally:
                there.leave()
            rows = [row for row in there.rows("browsers") if began <= row["at"] <= ended]
    if errors := [row["error"] for row in rows if row["error"]]:
        raise CommandFailed(f"{len(errors)} pages were not there: {errors[0]}")
    length = ended - began
    times = [row["ms"] for row in rows if row["kind"] not in NOT_A_PAGE]
    if not times:
        raise CommandFailed("nobody has looked at a page meanwhile")
    most = ", ".join(f"{kind} {short(half)} ms" for kind, _count, half, _longest in slowest(rows)[:3])
    yield Row(
        PAGES.key,
        PAGES.what,
        PAGES.against,
        PAGES.goal,
        measured=percentile(times, 95),
        details=(
            f"{users:,} users moved in {short(length)} s; {len(times):,} pages of {BROWSERS} browsers: "
            f"p50 {short(percentile(times, 50))} ms, p99 {short(percentile(times, 99))} ms; slowest medians: {most}"
        ),
        samples={"ms": times, "seconds of the sync": length},
    )
    yield Row(
        FAILED.key,
        FAILED.what,
        FAILED.against,
        FAILED.goal,
        measured=len(done.errors),
        details=(
            f"{len(done.times)} backups of {size // MEGABYTE} MiB by {CLIENTS} devices, {seconds(done.times)} each (median)"
            + (f"; {done.errors[0]}" if done.errors else "")
        ),
        samples={"seconds": done.times, "errors": done.errors},
    )


def _all_at_once(
    suite: Suite, world: World, store: MeasuredStore, devices: list[dict[str, Any]], size: int
) -> tuple[tuple[float, float], Backups]:
    """Run the sync while all devices back up; return when it began and ended, and what came of the backups."""
    backups = Backups()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [
            Restic(
                suite.new_folder(),
                store.address(device["guid"], device["token"]),
                device["password"],
                nice=LAPTOPS_NICE,
            )
            for device in devices
        ]
        try:
            for client in clients:
                pool.submit(_backs_up, client, size, backups)
            began = time.time()
            command = ["nice", "-n", str(WORKERS_NICE), sys.executable, "manage.py", "ldapsync", "--json"]
            sync = run(command, environment=world.console.environment, folder=ROOT)
            ended = time.time()
        finally:
            backups.ended.set()
    if not backups.times and not backups.errors:
        raise CommandFailed("no device has backed up")
    world.check(sync, {"moved": world.count, "rolesChanged": world.count})
    for client in clients:
        client.clear()
    return (began, ended), backups


def _backs_up(client: Restic, size: int, backups: Backups) -> None:
    file = client.folder / "file"
    try:
        client.run("init")
        while True:
            file.write_bytes(os.urandom(size))
            backups.times.append(client.run("backup", str(file)).seconds)
            if backups.ended.is_set():
                break
        client.run("check")
    except CommandFailed as error:
        backups.errors.append(str(error))
