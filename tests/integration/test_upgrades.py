"""A database of an older version: with all of its migrations it is up to date, with some of them it is left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import DjangoDbBlocker

from console.management.commands import serve
from directory.status import database as status
from directory.status import upgrades
from directory.status.lines import LineState
from tests.faults.stages import Database, connected_to, present
from tests.schemas import described, rows

pytestmark = pytest.mark.django_db(transaction=True)

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
    applied.filter(app__in=upgrades.OWN).delete()
    for app, name in names:
        applied.create(app=app, name=name)


def _own() -> set[Key]:
    return {key for key in MigrationRecorder(connection).applied_migrations() if key[0] in upgrades.OWN}


def test_the_first_migrations_make_the_tables_that_the_older_version_had(older: Database) -> None:
    expected = EARLIER / ("sqlite.txt" if older.is_file else "postgresql.txt")

    assert described(older) == expected.read_text().splitlines()


def test_the_first_migrations_stand_for_all_that_the_older_version_had() -> None:
    stands_for = [key for first in IN_THEIR_PLACE for key in upgrades.installed_migrations()[first]]

    assert sorted(stands_for) == sorted(OLD)


def test_no_other_migration_has_the_name_of_an_older_one() -> None:
    assert not set(OLD) & set(upgrades.installed_migrations())


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

        assert not upgrades.missing(applied) & set(IN_THEIR_PLACE)
        assert not upgrades.unknown(applied)
        assert not upgrades.obstacle(applied)


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
