"""Browsers of people who work with the console: signed in, reading, writing now and then, thinking in between.

Run as ``python -m tests.load.browsers JOB RESULTS``: it goes on until the job's ``stop`` file is there and writes a line
of JSON for each request.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlencode

import aiohttp

# Of so many people the third has the page of the run open, which asks for its progress every two seconds.
WATCHERS = 5
POLLING = 2.0
TIMEOUT = 60.0
STOP_POLLING = 286
SYLLABLES = ("an", "bau", "cas", "do", "er", "gra", "ito", "o'n", "u00", "u01", "zo")
# What htmx sends with every request.
TOKEN = re.compile(r'"X-CSRFToken": "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Job:
    """Where the console is, who is signed in, what there is to look at, and how long people think.

    ``sessions`` are the cookies of those who see users, devices and orgs; those in ``system`` also look after the rest.
    """

    address: str
    cookie: str
    sessions: list[str]
    system: list[str]
    users: list[int]
    orgs: list[int]
    devices: list[int]
    alerts: list[int]
    think: tuple[float, float]
    stop: str
    run: str
    seed: int


@dataclass(slots=True)
class Person:
    """One browser with its cookies; ``alerts`` are those that this person dismisses."""

    job: Job
    number: int
    web: aiohttp.ClientSession
    results: TextIO
    alerts: list[int] = field(default_factory=list)
    interval: int = 12
    token: str = ""
    chance: random.Random = field(default_factory=random.Random)

    async def works(self) -> None:
        """Go from page to page until told to stop."""
        await self.requests("first page", "GET", "/")
        # Nobody begins at the same moment.
        await asyncio.sleep(self.chance.uniform(0, self.job.think[1]))
        watches = self.system and self.number % WATCHERS == 2
        while not self.stopped():
            if watches and self.run():
                await self.polls()
                await asyncio.sleep(POLLING)
            else:
                await self.does_something()
                await asyncio.sleep(self.chance.uniform(*self.job.think))

    async def polls(self) -> None:
        headers = {"HX-Request": "true", "HX-Target": "run-progress", "HX-Trigger": "run-progress"}
        await self.requests("progress", "GET", f"/history/{self.run()}/", headers=headers, expected=(200, STOP_POLLING))

    async def does_something(self) -> None:
        habits = HABITS + SYSTEM_HABITS if self.system else HABITS
        act = self.chance.choices([habit for habit, _ in habits], [weight for _, weight in habits])[0]
        kind, address = act(self)
        if kind == "dismiss":
            await self.dismisses()
        elif kind == "interval":
            await self.sets_interval()
        elif address:
            await self.requests(kind, "GET", address)

    async def dismisses(self) -> None:
        """Write: take an alert off the list; each is one person's, so that none is dismissed twice."""
        if self.alerts:
            alert = self.alerts.pop()
            await self.requests("dismiss", "POST", f"/alerts/{alert}/dismiss/", data={}, expected=302, wrote=alert)

    async def sets_interval(self) -> None:
        """Write: change the sync interval; only the first person does, so that the last value is known."""
        if self.number == 0:
            self.interval = self.interval % 8000 + 1
            given = {"interval_hours": str(self.interval)}
            where = "/settings/security/ldap/interval/"
            await self.requests("interval", "POST", where, data=given, expected=302, wrote=self.interval)

    @property
    def system(self) -> bool:
        return self.job.sessions[self.number] in self.job.system

    def stopped(self) -> bool:
        return Path(self.job.stop).exists()

    def run(self) -> str:
        return Path(self.job.run).read_text() if Path(self.job.run).exists() else ""

    async def requests(
        self,
        kind: str,
        method: str,
        address: str,
        *,
        expected: int | tuple[int, ...] = 200,
        wrote: int | None = None,
        headers: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
    ) -> str:
        """Ask for a page to its last byte and note how that went."""
        sent = dict(headers or {})
        if method == "POST":
            sent["X-CSRFToken"] = self.token
        started, status, text, error = time.monotonic(), 0, "", ""
        try:
            async with self.web.request(method, address, headers=sent, data=data, allow_redirects=False) as answer:
                text, status = await answer.text(), answer.status
        except (aiohttp.ClientError, TimeoutError) as problem:
            error = repr(problem)
        if found := TOKEN.search(text):
            self.token = found.group(1)
        good = status in (expected if isinstance(expected, tuple) else (expected,))
        row: dict[str, Any] = {
            "at": time.time(),
            "kind": kind,
            "status": status,
            "ms": round((time.monotonic() - started) * 1000, 1),
            "wrote": wrote,
            "error": error if good else error or f"{method} {address}: {status} {text[:200]}",
        }
        self.results.write(json.dumps(row) + "\n")
        self.results.flush()
        return text


Habit = Callable[[Person], tuple[str, str]]


def at(kind: str, address: str) -> Habit:
    """Return the habit of looking at one page."""
    return lambda _: (kind, address)


def one_of(kind: str, area: str, name: str) -> Habit:
    """Return the habit of looking at one user, org or device."""

    def chosen(person: Person) -> tuple[str, str]:
        ids = getattr(person.job, name)
        return kind, f"/{area}/{person.chance.choice(ids)}/" if ids else ""

    return chosen


def listed(kind: str, area: str, **parameters: tuple[str, ...]) -> Habit:
    """Return the habit of looking through a list: each parameter takes one of its values."""

    def chosen(person: Person) -> tuple[str, str]:
        given = {name: person.chance.choice(values) for name, values in parameters.items()}
        return kind, f"/{area}?{urlencode(given)}"

    return chosen


def this_run(person: Person) -> tuple[str, str]:
    """Look at the whole page of the run."""
    return "run", f"/history/{person.run()}/" if person.run() else ""


PAGES = tuple(map(str, range(1, 200)))
HABITS: list[tuple[Habit, float]] = [
    (at("dashboard", "/"), 10),
    (at("users", "/users/"), 8),
    (listed("users, search", "users/", q=SYLLABLES), 12),
    (listed("users, page", "users/", page=PAGES), 6),
    (listed("users, sorted", "users/", sort=("-username", "name", "org", "email", "states"), per_page=("100",)), 4),
    (listed("users, filtered", "users/", state=("active", "deactivated-by-sync", "blocked-by-hand", "pending")), 4),
    (one_of("user", "users", "users"), 16),
    (at("orgs", "/orgs/"), 5),
    (one_of("org", "orgs", "orgs"), 5),
    (at("roles", "/roles/"), 2),
    (listed("devices", "devices/", page=PAGES), 5),
    (listed("devices, search", "devices/", q=SYLLABLES), 3),
    (one_of("device", "devices", "devices"), 4),
    (listed("archives", "archives/", page=PAGES), 2),
    (at("archives due", "/archives/due/"), 1),
    (at("bytes by org", "/archives/by-org/"), 1),
    (listed("export", "users/users.csv", q=SYLLABLES), 0.5),
    (at("export", "/devices/devices.csv"), 0.25),
]
SYSTEM_HABITS: list[tuple[Habit, float]] = [
    (at("history", "/history/"), 6),
    (this_run, 5),
    (listed("audit", "audit/", page=PAGES), 5),
    (listed("audit, search", "audit/", q=SYLLABLES), 2),
    (at("legal holds", "/legal-holds/"), 2),
    (at("alerts", "/alerts/"), 3),
    (at("LDAP servers", "/settings/security/ldap/"), 3),
    (at("status", "/settings/status/"), 2),
    (at("notifications", "/settings/notifications/"), 2),
    (at("dismiss", ""), 6),
    (at("interval", ""), 6),
]


async def work(job: Job, results: TextIO) -> None:
    """Have everybody work at once."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with asyncio.TaskGroup() as group:
        for number, session in enumerate(job.sessions):
            web = aiohttp.ClientSession(
                job.address,
                timeout=timeout,
                cookies={job.cookie: session},
                cookie_jar=aiohttp.CookieJar(unsafe=True),
                connector=aiohttp.TCPConnector(force_close=True),
            )
            mine = job.alerts[number :: len(job.sessions)]
            person = Person(job, number, web, results, mine, chance=random.Random(job.seed + number))
            group.create_task(_until_the_end(person))


async def _until_the_end(person: Person) -> None:
    async with person.web:
        await asyncio.sleep(person.number * 0.05)
        await person.works()


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    with Path(sys.argv[2]).open("w") as file:
        asyncio.run(work(Job(**{**given, "think": tuple(given["think"])}), file))
