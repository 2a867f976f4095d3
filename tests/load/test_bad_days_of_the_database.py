"""A console on PostgreSQL whose audit trail is long and whose database goes away: pages and health answer all the same."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import psycopg
import pytest

from console.http.unavailable import RETRY_AFTER
from console.listing import exports
from console.process import services
from tests.bench.postgres import PostgresServer
from tests.server_process import free_port

ROOT = Path(__file__).parents[2]
ENTRIES, EXPORTS = 87_000, 8
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, and how many seconds it took to come as a whole."""

    status: int
    headers: dict[str, str]
    text: str
    seconds: float


class Console:
    """The web server as ``manage.py serve`` starts it, with one SYSADMIN signed in."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.port, self._cookies = free_port(), SimpleCookie()
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = {**kept, "ROLLCALL_VAR": str(folder / "var"), "DATABASE_URL": database_url}
        environment["DJANGO_SETTINGS_MODULE"] = "console.settings"

        def manage(*arguments: str) -> str:
            command = [sys.executable, "manage.py", *arguments]
            return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout

        manage("migrate", "-v", "0")
        self._password = manage("localadmin", "ada").split()[-1]
        with (folder / "web.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *services.web("127.0.0.1", self.port).command],
                cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self.until("/healthz", 200)
            self._sign_in()
        except BaseException:
            self.stop()
            raise

    def get(self, path: str) -> Answer:
        return self._request("GET", path)

    def until(self, path: str, status: int) -> float:
        """Ask again and again until a page answers so; return the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() < began + 60:
            with suppress(OSError):
                if self.get(path).status == status:
                    return time.monotonic() - began
            time.sleep(0.1)
        pytest.fail(f"{path} did not answer {status} within a minute")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def _sign_in(self) -> None:
        token = TOKEN.search(self.get("/sign-in/").text)
        assert token
        form = urlencode({"csrfmiddlewaretoken": token[1], "username": "ada", "password": self._password})
        assert self._request("POST", "/sign-in/", form).status == 302

    def _request(self, method: str, path: str, body: str = "") -> Answer:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Cookie": "; ".join(f"{name}={each.value}" for name, each in self._cookies.items())}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            self._cookies.load(cookie)
        return Answer(answer.status, dict(answer.headers), text, time.monotonic() - began)


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    # PostgreSQL's own user can't go into pytest's folders.
    with TemporaryDirectory(prefix="rollcall-") as folder, PostgresServer(Path(folder)) as server:
        yield server


@pytest.fixture(scope="module")
def console(database: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    name = database.create()
    console = Console(tmp_path_factory.mktemp("console"), database.url(name))
    with psycopg.connect(database.url(name)) as connection:
        connection.execute(
            "INSERT INTO orgs_auditentry"
            " (at, actor_label, action, object_type, object_id, object_label, before, after)"
            " SELECT now(), 'LDAP sync', 'user moved', 'user', n, 'user' || n, '{\"org\": \"North\"}',"
            ' \'{"org": "South"}\' FROM generate_series(1, %s) n',
            [ENTRIES],
        )
    yield console
    console.stop()


@pytest.mark.in_turns
def test_eight_exports_of_a_long_trail_leave_pages_and_health_to_others(console: Console) -> None:
    over, waits = threading.Event(), dict[str, list[float]](health=[], page=[])

    def others() -> None:
        while not over.wait(0.05):
            for kind, path in (("health", "/healthz"), ("page", "/")):
                answer = console.get(path)
                assert answer.status == 200
                waits[kind].append(answer.seconds)

    with ThreadPoolExecutor(EXPORTS + 1) as pool:
        beside = pool.submit(others)
        answers = list(pool.map(lambda _: console.get("/audit/audit.csv"), range(EXPORTS)))
        over.set()
        beside.result()

    whole = [answer for answer in answers if answer.status == 200]
    assert len(whole) >= exports.AT_ONCE
    assert all(answer.text.count("\r\n") > ENTRIES for answer in whole)
    refused = [answer for answer in answers if answer.status != 200]
    assert {(answer.status, answer.headers["Retry-After"]) for answer in refused} <= {(503, str(RETRY_AFTER))}
    print(f"{len(whole)} exports, longest {max(each.seconds for each in whole):.1f} s; {len(refused)} refused")
    print({kind: f"{len(each)} answers, longest {max(each):.2f} s" for kind, each in waits.items()})
    assert max(waits["health"]) < 5
    assert max(waits["page"]) < 10


def test_pages_say_that_postgresql_is_away_and_come_back_by_themselves(
    console: Console, database: PostgresServer
) -> None:
    assert console.get("/users/").status == 200
    database.stop()
    try:
        away = console.get("/users/")
        sign_in = console.get("/sign-in/")
    finally:
        database.start()
    seconds = console.until("/users/", 200)

    assert (away.status, away.headers["Retry-After"]) == (503, str(RETRY_AFTER))
    assert "database" in away.text
    assert "Traceback" not in away.text
    assert sign_in.status in {200, 503}
    print(f"back after {seconds:.1f} s")
    assert console.process.poll() is None
