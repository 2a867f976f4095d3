"""What all tests share: real servers for Redis and mail, and the choice of those that touch the database."""

from __future__ import annotations

import email
import email.policy
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import redis
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as property_settings
from playwright.sync_api import expect
from pytest_django import DjangoDbBlocker, Settings

from tests import turns
from tests.server_process import free_port, start_process

# How quickly inputs are made depends on the machine; no test is judged by its time.
property_settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
property_settings.load_profile("any machine")
# So does how quickly a browser shows a page; what never comes is still said after a minute.
expect.set_options(timeout=60_000)

DATABASE_FIXTURES = frozenset({"db", "transactional_db", "live_server"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--only-db", action="store_true", help="run only the tests that touch the database")
    parser.addoption(
        "--every-pair", action="store_true", help="try every act after every other one, as each role (an hour)"
    )
    parser.addoption(
        "--in-turns", action="store_true", help="run what goes with this push (tests/turns.py), to be quicker than all"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have all test processes take the same turn, however long they run."""
    if config.getoption("--in-turns"):
        os.environ["TURN"] = str(turns.turn())


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which turn it is, so that it can be repeated."""
    return f"turn: {turns.turn()} (TURN in the environment repeats it)" if config.getoption("--in-turns") else None


def pytest_xdist_auto_num_workers() -> int | None:
    """Share the tests among half as many processes more than there are cores: many tests wait for other processes."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0))
    return cores + cores // 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only_db, in_turns = config.getoption("--only-db"), config.getoption("--in-turns")
    chosen = [item for item in items if not only_db or _depends_on_the_database(item)]
    if in_turns:
        now = turns.turn()
        chosen = [item for item in chosen if _goes(item, now=now, on_postgres=only_db)]
    if len(chosen) < len(items):
        kept = set(chosen)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = chosen


def _goes(item: pytest.Item, *, now: int, on_postgres: bool) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    needs_database = _depends_on_the_database(item)
    return turns.goes(item.nodeid, marks, now=now, needs_database=needs_database, on_postgres=on_postgres)


def _depends_on_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("once"):
        return False
    if item.get_closest_marker("django_db") or not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return True
    test_class = getattr(item, "cls", None)
    return test_class is not None and issubclass(test_class, TransactionTestCase)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database; at the end PostgreSQL drops it although a browser's last request may still be answered."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            # While Playwright runs, its event loop gives this thread another connection; the one from before may be dead.
            connection.close()
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            with connection.cursor() as cursor:
                cursor.execute(f"{others} AND pid <> pg_backend_pid()")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this test process's own, as Rollcall runs it; the value is its address."""
    folder = tmp_path_factory.mktemp("redis")
    port, password = free_port(), secrets.token_hex(8)
    options = ["--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes", "--save", ""]
    command = ["redis-server", "--port", str(port), "--requirepass", password, "--maxmemory-policy", "noeviction"]
    with (
        (folder / "log").open("wb") as log,
        start_process([*command, *options], stdout=log) as server,
    ):
        address = f"redis://:{password}@127.0.0.1:{port}/0"
        try:
            _wait_for_redis(address, server, folder / "log")
            yield address
        finally:
            server.terminate()


def _wait_for_redis(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + 10
    while time.monotonic() < ends and server.poll() is None:
        with redis.Redis.from_url(address) as client:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
    pytest.fail(f"redis-server did not start: {log.read_text()}")


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The address of a Redis that holds nothing yet."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


class Mailbox:
    """A mail server that keeps what it receives; ``refuse`` makes it answer the next mails with an error."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refuse = ""
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take one mail from the server."""
        if self.refuse:
            return self.refuse
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients.append([str(recipient) for recipient in envelope.rcpt_tos])
        return "250 OK"

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    """A real mail server, to which Django's mail goes."""
    box = Mailbox()
    box.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = box.port
    try:
        yield box
    finally:
        box.stop()
