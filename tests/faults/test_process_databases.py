"""Databases that lock, stop, refuse or lose what was written: a batch is whole or not there, and the run goes on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from directory.models import Run
from tests.catalogue import noted
from tests.faults import stages
from tests.faults.process_world import Scene, entered, opened
from tests.faults.processes import PostgresServer, wait_for
from tests.faults.stages import Database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
AS_TWIN = "rows, audit, history lines and mail as if nothing had happened"


@pytest.fixture
def on_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("about SQLite's file")


@pytest.fixture
def on_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("about a PostgreSQL server")


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Hold SQLite's file as another program would."""
    with closing(sqlite3.connect(database.name, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.whole
@pytest.mark.usefixtures("on_sqlite")
@pytest.mark.parametrize(("seconds", "outlived"), [(5, True), (25, False)])
def test_a_database_file_locked_by_another_program(scene: Scene, seconds: int, outlived: bool) -> None:
    scene.twin()

    with noted(
        "faults",
        f"SQLite's file locked by another program for {seconds} seconds in mid-apply",
        how="BEGIN EXCLUSIVE from outside between two batches",
        expected=f"{'the run waits' if outlived else 'the attempt fails whole after 20 seconds, the next goes on'}; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.stop()
        # As in earnest, the lease lasts longer than the lock; or it does not, and the lock outlasts all time-outs.
        scene.workers.start(RUN_LEASE_SECONDS="10").wait_for_words(" ready.")
        scene.reach(run, "waiting", nth=2)
        connection.close()
        with locked(scene.database):
            scene.fuse.go_on()
            ends = time.monotonic() + seconds
            wait_for(lambda: time.monotonic() > ends, "the other program")
        scene.end(run)
        assert (run.fence == 1) is outlived

        scene.same_as_twin(row, run, f"taken {run.fence} {'time' if run.fence == 1 else 'times'}")


@pytest.mark.whole
@pytest.mark.usefixtures("on_postgresql")
def test_connections_ended_by_the_server_in_mid_batch(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "PostgreSQL ends the worker's connections in the middle of a batch",
        how="pg_terminate_backend for all of them while a batch's transaction is open",
        expected=f"the batch is rolled back, the run is taken up again at the next bell; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, "deactivate", nth=2)
        connection.close()
        _end_connections(scene.database)
        scene.fuse.go_on()
        wait_for(lambda: _released(run), "the attempt ends")
        error = run.error
        scene.end(run)

        scene.same_as_twin(row, run, f"{error.splitlines()[0]}; taken {run.fence} times")


def _end_connections(database: Database) -> None:
    with database.beside() as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])


def _released(run: Run) -> bool:
    run.refresh_from_db()
    return run.lease_until is None


@pytest.mark.whole
@pytest.mark.usefixtures("on_postgresql")
def test_a_database_that_becomes_read_only(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "PostgreSQL read-only in mid-apply, as after a fail-over to a standby",
        how="default_transaction_read_only on for the database, all connections ended; off again later",
        expected=f"nothing is written meanwhile, afterwards the run goes on; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        worker = scene.reach(run, "waiting", nth=2)
        _read_only(scene.database, "on")
        scene.fuse.go_on()
        worker.wait_for_words("read-only transaction")
        done = run.changes.exclude(outcome="planned").count()
        _read_only(scene.database, "off")
        scene.end(run)

        scene.same_as_twin(row, run, f"stopped after {done} changes: cannot execute in a read-only transaction")


def _read_only(database: Database, value: str) -> None:
    connection.close()
    with database.beside() as server:
        server.execute(f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = {value}')
    _end_connections(database)


@pytest.mark.whole
@pytest.mark.usefixtures("on_postgresql")
def test_a_server_without_space(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "PostgreSQL without space in mid-apply",
        how="every new audit row is answered with error 53100 (disk_full); space again later",
        expected=f"the batch is rolled back; with space again the run goes on; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, "waiting", nth=2)
        connection.close()
        with scene.database.beside(scene.database.name) as server:
            server.execute(
                "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
            )
            server.execute("CREATE TRIGGER no_space BEFORE INSERT ON orgs_auditentry EXECUTE FUNCTION no_space()")
            scene.fuse.go_on()
            wait_for(lambda: _released(run), "the attempt ends")
            server.execute("DROP TRIGGER no_space ON orgs_auditentry")
            server.execute("DROP FUNCTION no_space()")
        error = run.error
        scene.end(run)

        scene.same_as_twin(row, run, f"{error.splitlines()[0]}; taken {run.fence} times")


@pytest.mark.whole
@pytest.mark.usefixtures("on_postgresql")
def test_rows_locked_by_someone_else(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "users locked by another transaction that does not end, in mid-apply",
        how="SELECT ... FOR UPDATE on all users from outside, until the worker has given up waiting (lock_timeout, 10 s)",
        expected=f"the attempt fails whole after 10 seconds, the next goes on; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, "waiting", nth=2)
        with scene.database.beside(scene.database.name) as other, other.transaction():
            other.execute("SELECT id FROM orgs_user FOR UPDATE")
            scene.fuse.go_on()
            wait_for(lambda: _released(run), "the attempt ends")
        error = run.error
        scene.end(run)

        scene.same_as_twin(row, run, f"{error.splitlines()[0]}; taken {run.fence} times")


@pytest.mark.whole
@pytest.mark.usefixtures("on_postgresql")
def test_a_worker_stopped_in_mid_transaction_loses_its_locks(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "a worker stopped for good in the middle of a batch, with the rows locked",
        how="SIGSTOP in an open transaction; a second worker stands by",
        expected=f"PostgreSQL ends the transaction after 30 seconds, the second worker goes on; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        scene.fuse.light("batch", "stop", nth=2)
        scene.ring()
        scene.fuse.wait()
        stopped = scene.workers.working_on(run)
        scene.end(run)
        stopped.kill()

        scene.same_as_twin(row, run, f"taken {run.fence} times, ended by the other worker")


@pytest.mark.whole
@pytest.mark.usefixtures("on_postgresql")
def test_a_server_that_is_restarted_at_once(tmp_path: Path) -> None:
    with PostgresServer(tmp_path) as server:
        empty = Database(server.settings, "rollcall")
        with empty.beside() as beside:
            beside.execute("CREATE DATABASE rollcall")
        with stages.connected_to(empty):
            call_command("migrate", verbosity=0)
        with opened(tmp_path, 300, empty) as scene, entered(scene):
            scene.twin()

            with noted(
                "faults",
                "PostgreSQL restarted at once (pg_ctl restart -m immediate) in the middle of a batch",
                how="a server of its own, crashed and recovered while a batch's transaction is open",
                expected=f"the batch is rolled back, the run is taken up again; {AS_TWIN}",
                where="postgresql",
            ) as row:
                run = scene.begin()
                scene.workers.ready(1)
                scene.reach(run, "deactivate", nth=2)
                connection.close()
                server.restart()
                scene.fuse.go_on()
                scene.end(run)

                scene.same_as_twin(row, run, f"taken {run.fence} times")
