"""Claims against what else syncs Django's users with LDAP: a user of theirs takes as long as so many of ours."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from tests.bench import people
from tests.bench.figures import rate, short
from tests.bench.jobs import Jobs
from tests.bench.machine import ROOT
from tests.bench.measuring import Measured, run
from tests.bench.rows import Goal, Row, not_measured
from tests.bench.suite import Suite

JOBS = {
    "unchanged": ("sync with nothing changed", "the same users once more"),
    "first": ("first sync, every script run for every user", "users that are made"),
}
ONE_BY_ONE = 500
QUICK_ONE_BY_ONE = 100


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the others: the module that has it work, what it is called, and how much faster we want to be."""

    module: str
    package: str
    title: str
    goal: Goal

    def row(self, job: str) -> Row:
        """Return the claim about one job."""
        ours, theirs = JOBS[job]
        return Row(f"{self.module}-{job}", f"{ours}, users/s", f"{self.title}, {theirs}", self.goal)


AUTH_LDAP = Peer(
    "django_auth_ldap", "django_auth_ldap", "a loop of django-auth-ldap's `populate_user`", Goal(200.0, at_least=True)
)
PYTHON3_LDAP = Peer(
    "django_python3_ldap",
    "django_python3_ldap",
    "django-python3-ldap's `ldap_sync_users`",
    Goal(40.0, at_least=True),
)
ROWS = tuple(peer.row(job) for peer in (AUTH_LDAP, PYTHON3_LDAP) for job in JOBS)


def measure(suite: Suite) -> Iterator[Row]:
    """Have each peer work through a sample of the same directory, on a database of its own."""
    jobs = suite.jobs(suite.options.users)
    samples = {
        AUTH_LDAP: suite.options.sized(ONE_BY_ONE, QUICK_ONE_BY_ONE),
        PYTHON3_LDAP: _in_the_first_department(jobs.world.count),
    }
    for peer, count in samples.items():
        if find_spec(peer.package) is None:
            yield from (not_measured(peer.row(job), f"{peer.package} is not installed") for job in JOBS)
            continue
        suite.report(f"{peer.title}, {count:,} users")
        yield from _compared(peer, count, jobs, _theirs(suite, peer, count))


def _in_the_first_department(count: int) -> int:
    return count // people.departments(count)


def _theirs(suite: Suite, peer: Peer, count: int) -> dict[str, list[float]]:
    directory = suite.jobs(suite.options.users).world.directory
    environment = {
        **os.environ,
        "PEER_DATABASE_URL": suite.databases.empty(),
        "PEER_LDAP_URL": directory.url,
        "PEER_LDAP_BASE": directory.base,
        "PEER_DEPARTMENT": "0",
    }
    command = [sys.executable, "-m", f"tests.bench.peers.{peer.module}", str(count), str(suite.options.repeats)]
    found: dict[str, list[float]] = json.loads(run(command, environment=environment, folder=ROOT).output)
    return found


def _compared(peer: Peer, count: int, jobs: Jobs, theirs: dict[str, list[float]]) -> Iterator[Row]:
    ours: dict[str, list[Measured]] = {"unchanged": jobs.unchanged, "first": jobs.first}
    for job, measured in ours.items():
        claim = peer.row(job)
        times = [each.seconds for each in measured]
        fast, slow = rate(jobs.world.count, times), rate(count, theirs[job])
        details = f"{short(fast)} users/s ({jobs.world.count:,}) against {short(slow)} ({count:,})"
        samples = {"users": jobs.world.count, "seconds": times, "sample": count, "their seconds": theirs[job]}
        yield Row(claim.key, claim.what, claim.against, claim.goal, fast / slow, details, samples=samples)
