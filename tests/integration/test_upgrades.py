"""A database of an older version: with all of its migrations it is up to date, with some of them it is left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import DjangoDbBlocker

from console.management.commands import serve
from directory.actions import stored_plans, undo
from directory.models import EvaluationBatch, Heartbeat, Run, RunChange, RunState, StoredEntry
from directory.models.heartbeats import Part
from directory.org_scope import orgs_in_scope
from directory.status import applied_migrations
from directory.status import database as status
from directory.status.lines import LineState
from directory.sync import pipeline
from directory.sync.plan.plan_context import load_plan_context
from directory.sync.stored import decision_cache
from directory.values.plan import Outcome
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.faults.stages import Database, connected_to, present
from tests.integration.employer import Employer
from tests.schemas import OWN, described, rows
from tests.worlds import NO_LIMITS, NOON, Clock, again, change_of, device, simulate_and_sync, sync, user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

Key = tuple[str, str]
# The migrations that the last version before these had, and the tables that they made.
EARLIER = Path(__file__).parent / "earlier"
OLD: list[Key] = [(app, name) for app, name in map(str.split, (EARLIER / "migrations.txt").read_text().splitlines())]
IN_THEIR_PLACE: list[Key] = [
    ("orgs", "0001_squashed_0006"),
    ("directory", "0001_squashed_0034"),
    ("console", "0001_squashed_0003"),
]
SENTENCE = (
    "The database has only {had} of the {all} migrations of {app} that this version takes as one: first run “manage.py "
    "migrate” of the last version that has the file {app}/migrations/{last}.py, then that of this version."
)


def beside(name: str) -> Database:
    """Return a database on the same server, or in the same folder, that is not there yet."""
    now = present()
    database = now.named(f"{Path(now.name).stem}_{name}" + (".sqlite3" if now.is_file else ""))
    database.drop()
    return database


@pytest.fixture(scope="module")
def template(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    """A database as the older version left it, with a role of somebody's own."""
    with django_db_blocker.unblock():
        database = beside("older")
        if not database.is_file:
            database.become(database.named("template0"))
        with connected_to(database):
            state = MigrationExecutor(connection).migrate(IN_THEIR_PLACE)
            state.apps.get_model("orgs", "Role").objects.create(name="Night shift", name_key="night shift")
            _write_down(OLD)
        yield database
        database.drop()


@pytest.fixture
def new() -> Database:
    """The database of all tests, in which nothing was before the migrations."""
    return present()


@pytest.fixture
def older(template: Database, new: Database) -> Iterator[Database]:
    """A database as the older version left it, to which this process is connected."""
    database = beside("upgraded")
    database.become(template)
    with connected_to(database):
        yield database
    database.drop()
    # Those of the other database.
    ContentType.objects.clear_cache()


def _write_down(names: Collection[Key]) -> None:
    """Let these be all migrations of Rollcall's own that have been applied."""
    applied = MigrationRecorder(connection).migration_qs
    applied.filter(app__in=applied_migrations.OWN).delete()
    for app, name in names:
        applied.create(app=app, name=name)


def _own() -> set[Key]:
    return {key for key in MigrationRecorder(connection).applied_migrations() if key[0] in applied_migrations.OWN}


def test_the_first_migrations_make_the_tables_that_the_older_version_had(older: Database) -> None:
    expected = EARLIER / ("sqlite.txt" if older.is_file else "postgresql.txt")

    assert described(older) == expected.read_text().splitlines()


def test_the_first_migrations_stand_for_all_that_the_older_version_had() -> None:
    stands_for = [key for first in IN_THEIR_PLACE for key in applied_migrations.installed_migrations()[first]]

    assert sorted(stands_for) == sorted(OLD)


def test_no_other_migration_has_the_name_of_an_older_one() -> None:
    assert not set(OLD) & set(applied_migrations.installed_migrations())


class TestADatabaseWithAllOfThem:
    def test_is_brought_up_to_date_without_applying_any_again(self, new: Database, older: Database) -> None:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        assert not {(each.app_label, each.name) for each, _ in plan} & {*IN_THEIR_PLACE, *OLD}

        call_command("migrate", verbosity=0)
        call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)

        assert _own() >= {*IN_THEIR_PLACE, *OLD}
        assert described(older) == described(new)
        assert any("Night shift" in role for role in rows(older)["orgs_role"])

    def test_has_nothing_missing_or_unknown(self, older: Database) -> None:
        call_command("migrate", verbosity=0)

        assert [line.state for line in status.look() if line.title == "Migrations"] == [LineState.OK]
        serve._end_without_tables()

    def test_misses_only_what_came_later(self, older: Database) -> None:
        applied = MigrationRecorder(connection).applied_migrations().keys()

        assert not applied_migrations.missing(applied) & set(IN_THEIR_PLACE)
        assert not applied_migrations.unknown(applied)
        assert not applied_migrations.obstacle(applied)


class TestADatabaseWithSomeOfThem:
    @pytest.mark.parametrize("app", ["console", "directory", "orgs"])
    @pytest.mark.parametrize("had", [1, -1])
    def test_is_left_alone_and_told_which_version_comes_first(self, older: Database, app: str, had: int) -> None:
        own = [key for key in OLD if key[0] == app]
        _write_down([key for key in OLD if key[0] != app] + own[:had])
        before = described(older), rows(older)
        sentence = SENTENCE.format(had=len(own[:had]), all=len(own), app=app, last=own[-1][1])

        starts: list[Callable[[], object]] = [partial(call_command, "migrate", verbosity=0), serve._end_without_tables]
        for start in starts:
            with pytest.raises(CommandError) as refused:
                start()
            assert str(refused.value) == sentence

        assert (described(older), rows(older)) == before
        lines = {line.title: line for line in status.look()}
        assert (lines["Migrations"].state, lines["Migrations"].fact) == (LineState.PROBLEM, sentence)


class TestANewDatabase:
    def test_goes_on_where_its_first_upgrade_was_broken_off(self, new: Database, older: Database) -> None:
        older.drop()
        if not older.is_file:
            older.become(older.named("template0"))
        MigrationExecutor(connection).migrate([("orgs", "0001_squashed_0006")])

        call_command("migrate", verbosity=0)

        assert described(older) == described(new)


# What the older version calls otherwise: tables by their present names, columns by table and present name.
OLDER_TABLES = {
    "directory_cacheddecision": "directory_standing",
    "directory_evaluationbatch": "directory_scriptpage",
}
OLDER_COLUMNS = {
    ("directory_cacheddecision", "context_hash"): "house",
    ("directory_evaluationbatch", "evaluation_fingerprint"): "made",
    ("directory_heartbeat", "last_beat_at"): "heard_at",
    ("directory_runchange", "side_effects"): "traces",
    ("directory_runserver", "canary_found"): "canary_seen",
    ("directory_runserver", "cursor"): "position",
    ("directory_runserver", "match_fingerprint"): "ground",
    ("directory_runserver", "org_lists_digest"): "asked_digest",
    ("directory_runserver", "read_scope"): "extent",
    ("directory_storedentry", "ambiguous"): "contested",
}

# The rows of each table, each by its columns.
Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def _quoted(names: Collection[str]) -> str:
    return ", ".join(map(connection.ops.quote_name, names))


def _columns() -> dict[str, list[str]]:
    """Return the columns of each table of Rollcall's own."""
    with connection.cursor() as cursor:
        describe = partial(connection.introspection.get_table_description, cursor)
        names = [name for name in connection.introspection.table_names(cursor) if name.startswith(OWN)]
        return {name: [column.name for column in describe(name)] for name in names}


def _stored() -> Tables:
    """Return what all tables of Rollcall's own hold, as the database has it."""
    found = {}
    for table, columns in _columns().items():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {_quoted(columns)} FROM {_quoted([table])}")
            found[table] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return found


def _as_older(tables: Tables) -> dict[str, list[dict[str, Any]]]:
    """Return rows under the names that tables and columns have in the older version."""
    return {
        OLDER_TABLES.get(table, table): [
            {OLDER_COLUMNS.get((table, column), column): value for column, value in row.items()} for row in rows
        ]
        for table, rows in tables.items()
    }


def _in_order(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    return sorted(str([row[column] for column in columns]) for row in rows)


def _fill(tables: Tables) -> None:
    """Put these rows in the place of all that is there, without the columns that are not."""
    columns = _columns()
    with transaction.atomic(), connection.cursor() as cursor:
        for table in columns:
            cursor.execute(f"DELETE FROM {_quoted([table])}")
        for table, rows in tables.items():
            there = [column for column in columns.get(table, ()) if rows and column in rows[0]]
            if there:
                places = ", ".join(["%s"] * len(there))
                statement = f"INSERT INTO {_quoted([table])} ({_quoted(there)}) VALUES ({places})"
                cursor.executemany(statement, [[row[column] for column in there] for row in rows])


@pytest.fixture
def lived(new: Database) -> Iterator[Tables]:
    """All rows after some syncs: somebody was deactivated, Mia's new name waits in a held-back plan, Tom is as he was."""
    with Directory() as directory:
        employer, settings = Employer(directory), {**NO_LIMITS, "canary": "mia", "full_reading_every": 5}
        for name in ("mia", "sean", "tom", "nobody"):
            employer.hires(name)
        for name in ("mia", "sean", "tom"):
            user(name, last_name=name.title())
        device(user("lea", last_name="Lea"))
        employer.hires("lea")
        employer.server(**settings)
        simulate_and_sync()
        directory.delete(employer.dn("lea"))
        left = sync()
        assert change_of(left, "lea").side_effects["devices"]
        sync(incremental=True)
        directory.modify(employer.dn("mia"), {"sn": "Miller"})
        server = employer.server(**settings, search_filter="(objectClass=person)")
        waits = sync()
        assert (waits.state, change_of(waits, "mia").outcome) == (RunState.HELD_BACK, Outcome.PLANNED)
        StoredEntry.objects.filter(user=None).update(ambiguous=True)
        EvaluationBatch.objects.create(run=waits, server=server, evaluation_fingerprint="of scripts", entries="[]")
        Heartbeat.objects.create(part=Part.WORKER, host="here", pid=1, queues=["sync"], last_beat_at=NOON)
        yield _stored()


class TestADatabaseWithRuns:
    """Upgraded from what the older version had stored, under the names of that version."""

    def test_keeps_every_value_of_every_row(self, lived: Tables, older: Database) -> None:
        _fill(_as_older(lived))
        before = _stored()
        for (table, _), column in OLDER_COLUMNS.items():
            assert any(row[column] not in {None, "", "{}"} for row in before[OLDER_TABLES.get(table, table)]), column

        call_command("migrate", verbosity=0)

        after = _as_older(_stored())
        for table, columns in before.items():
            names = list(columns[0]) if columns else []
            assert _in_order(after[table], names) == _in_order(columns, names), table

    def test_goes_on_with_what_its_runs_have_left(self, lived: Tables, older: Database) -> None:
        _fill(_as_older(lived))
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models()):
                cursor.execute(statement)
        orgs = orgs_in_scope()
        context = decision_cache.hash_context(load_plan_context(orgs))
        waits = Run.objects.get(state=RunState.HELD_BACK)

        assert sum(decision_cache.split_users(orgs, context_hash=context, fully_read=orgs).unchanged.values()) == 2

        stored_plans.apply_plan(run=waits, by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(waits.pk, clock=Clock(NOON))
        mia = change_of(waits, "mia")
        assert mia.user is not None
        assert (mia.outcome, again(mia.user).last_name) == (Outcome.APPLIED, "Miller")

        left = RunChange.objects.get(username="lea", outcome=Outcome.APPLIED)
        back = undo.start(run=left.run, by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(back.pk, clock=Clock(NOON))
        assert change_of(back, "lea").put_back["devices"]
