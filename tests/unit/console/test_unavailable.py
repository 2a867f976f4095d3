"""What pages answer while the database is away, busy or full, and what stays an error of our own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.urls import reverse

from console.http.unavailable import Trouble, trouble_of
from orgs.models import AuditEntry
from tests.makers import make_sysadmin, signed_in

TIMEOUT = 0.2


def caused(cause: Exception) -> OperationalError:
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


class TestAnError:
    @pytest.mark.parametrize(
        ("error", "trouble"),
        [
            (caused(psycopg.OperationalError("connection refused")), Trouble.AWAY),
            (caused(psycopg.errors.AdminShutdown("terminating connection")), Trouble.AWAY),
            (caused(psycopg.errors.CannotConnectNow("the database system is starting up")), Trouble.AWAY),
            (InterfaceError("connection already closed"), Trouble.AWAY),
            (caused(psycopg.errors.LockNotAvailable("lock timeout")), Trouble.BUSY),
            (caused(psycopg.errors.QueryCanceled("statement timeout")), Trouble.BUSY),
            (caused(psycopg.errors.DeadlockDetected("deadlock")), Trouble.BUSY),
            (caused(psycopg.errors.DiskFull("no space left")), Trouble.FULL),
            (caused(psycopg.errors.TooManyConnections("sorry")), Trouble.FULL),
            (caused(sqlite_error(sqlite3.SQLITE_BUSY)), Trouble.BUSY),
            (caused(sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT)), Trouble.BUSY),
            (caused(sqlite_error(sqlite3.SQLITE_FULL)), Trouble.FULL),
            (caused(sqlite_error(sqlite3.SQLITE_IOERR_WRITE)), Trouble.AWAY),
            (caused(sqlite_error(sqlite3.SQLITE_ERROR)), None),
            (OperationalError("of nobody"), None),
            (ValueError("no database at all"), None),
            (None, None),
        ],
    )
    def test_is_the_databases_only_where_the_database_says_so(
        self, error: Exception | None, trouble: Trouble | None
    ) -> None:
        assert trouble_of(error) == trouble


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """Let nobody be where the database was."""
    wrong: dict[str, Any] = {"HOST": "127.0.0.1", "PORT": "1"}
    if connection.vendor == "sqlite":
        wrong = {"NAME": str(folder / "missing" / "file")}
    connection.close()
    with mock.patch.dict(connection.settings_dict, wrong):
        yield
        connection.close()


@contextmanager
def held_by_somebody_else() -> Iterator[None]:
    """Hold what a sign-in writes to, and let the console wait for it only shortly."""
    found = connection.settings_dict
    connection.close()
    if connection.vendor == "sqlite":
        with (
            mock.patch.dict(found["OPTIONS"], {"timeout": TIMEOUT}),
            closing(sqlite3.connect(found["NAME"], isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            yield
            connection.close()
        return
    options = {"options": f"-c lock_timeout={int(TIMEOUT * 1000)}ms"}
    keys = {"host": found["HOST"], "port": found["PORT"], "user": found["USER"], "password": found["PASSWORD"]}
    with mock.patch.dict(found["OPTIONS"], options), psycopg.connect(dbname=found["NAME"], **keys) as other:
        other.execute("LOCK TABLE console_signinattempt IN ACCESS EXCLUSIVE MODE")
        yield
        connection.close()


@pytest.mark.django_db(transaction=True)
class TestAPage:
    @pytest.fixture
    def client(self) -> Client:
        client = signed_in(make_sysadmin())
        client.raise_request_exception = False
        return client

    def test_says_that_the_database_is_away_and_comes_back_by_itself(
        self, client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with away(tmp_path):
            answer = client.get(reverse("users:list"))

        assert answer.status_code == 503
        assert "The database does not answer" in answer.content.decode()
        assert '<meta http-equiv="refresh" content="5">' in answer.content.decode()
        assert (answer["Retry-After"], answer["Cache-Control"]) == ("5", "no-store")
        assert len(caplog.records) == 1
        assert caplog.records[0].exc_info is None
        assert client.get(reverse("users:list")).status_code == 200

    def test_that_htmx_asks_for_a_part_of_is_the_same_without_a_refresh(self, client: Client, tmp_path: Path) -> None:
        with away(tmp_path):
            answer = client.get(reverse("users:list"), headers={"HX-Request": "true", "HX-Target": "user-list"})

        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert b"http-equiv" not in answer.content

    def test_that_was_sent_is_not_sent_again_by_itself(self, client: Client, tmp_path: Path) -> None:
        with away(tmp_path):
            answer = client.post(reverse("session:sign-in"), {"username": "ada", "password": "wrong"})

        assert answer.status_code == 503
        assert b"http-equiv" not in answer.content
        assert "Go back and try again" in answer.content.decode()

    def test_says_that_a_lock_took_too_long(self, client: Client) -> None:
        client.logout()
        with held_by_somebody_else():
            answer = client.post(reverse("session:sign-in"), {"username": "ada", "password": "wrong"})

        assert answer.status_code == 503
        assert "The database is busy" in answer.content.decode()
        assert answer["Retry-After"] == "5"

    def test_that_fails_by_a_fault_of_our_own_is_a_500(self, client: Client) -> None:
        with mock.patch.object(AuditEntry.objects, "visible_to", side_effect=ValueError):
            answer = client.get(reverse("audit:list"))

        assert answer.status_code == 500
        assert "Retry-After" not in answer
