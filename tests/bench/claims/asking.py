"""The claims about devices that ask whether they may back up: they hear it at once, and the database hardly notices."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

from tests.bench.figures import percentile, short
from tests.bench.machine import ROOT
from tests.bench.measuring import CommandFailed, run
from tests.bench.rows import Goal, Row, not_measured
from tests.bench.services import measured_web
from tests.bench.suite import Suite

ANSWER = Row("asking", "p95 of 2,000 devices that each ask every 30 s whether they may back up", "–", Goal(50, "ms"))
DATABASE = Row("asking-database", "what the database needs for it", "one core", Goal(5, "%"))
ROWS = (ANSWER, DATABASE)


def measure(suite: Suite) -> Iterator[Row]:
    """Have devices ask for some minutes and yield the rows."""
    count, every = suite.options.sized(2000, 200), suite.options.sized(30, 3)
    seconds = suite.options.sized(180, 9)
    suite.report(f"{count:,} devices with their tokens")
    console = suite.console()
    devices = console.inside("devices", "new", str(count))
    job = suite.new_folder().with_suffix(".json")
    with measured_web(console) as web:
        tokens = [device["token"] for device in devices]
        # At first all are written as there; after that as in the months that follow.
        asked = {"port": web.port, "tokens": tokens, "every": every, "settle": every, "seconds": seconds}
        job.write_text(json.dumps(asked))
        suite.report(f"{count:,} devices ask every {every} s")
        command = [sys.executable, "-m", "tests.bench.asking_devices", str(job)]
        before = suite.database_seconds()
        done = run(command, environment=os.environ, folder=ROOT)
        after = suite.database_seconds()
    found = json.loads(done.output.splitlines()[-1])
    if found["errors"]:
        raise CommandFailed(f"{len(found['errors'])} devices had no answer, as {found['errors'][0]}")
    times, length = found["ms"], found["whole"]
    what = f"{len(times):,} answers in {seconds} s, each on a connection of its own"
    halves = f"p50 {short(percentile(times, 50))} ms, p99 {short(percentile(times, 99))} ms"
    yield Row(
        ANSWER.key,
        ANSWER.what,
        ANSWER.against,
        ANSWER.goal,
        measured=percentile(times, 95),
        details=f"{count:,} devices every {every} s: {what}; {halves}",
        samples={"ms": times},
    )
    if before is None or after is None:
        yield not_measured(DATABASE, "SQLite has no process of its own")
        return
    used = after - before
    yield Row(
        DATABASE.key,
        DATABASE.what,
        DATABASE.against,
        DATABASE.goal,
        measured=used / length * 100,
        details=f"{used:.2f} s of all processes of PostgreSQL in {length:.0f} s, {count / every:.0f} questions a second",
        samples={"seconds of a core": used, "seconds": length},
    )
