"""PostgreSQL knows of the rows that a run has just written: else it plans the next statements as for an empty table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, models, transaction

from directory.models import Match, RunChange, RunState, StoredEntry
from orgs.bulk_writes import refresh_statistics
from orgs.models import User
from tests.directories import Directory, people
from tests.integration.employer import Employer
from tests.makers import make_user
from tests.worlds import simulate, sync

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL keeps statistics by itself"),
    pytest.mark.database,
]
COUNT = 700


@pytest.fixture
def company() -> Iterator[Employer]:
    """A new installation of many users, of whom no table of the directory's knows anything."""
    someone = make_user("someone")
    names = [f"u{number:05}" for number in range(1, COUNT + 1)]
    User.objects.bulk_create(User(username=name, username_key=name, org=someone.org) for name in names)
    tables = [model._meta.db_table for model in (StoredEntry, RunChange, Match)]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        # Its own look, which may come just now, would do what a run has to do.
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    with Directory(ldif=people(COUNT)) as directory:
        employer = Employer(directory)
        employer.server(active_script="", org_name_script="", role_name_script="")
        yield employer
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")


def known(model: type[models.Model]) -> float:
    """Return how many rows the planner takes a table for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [model._meta.db_table])
        return float(cursor.fetchone()[0])


def test_after_the_first_simulation_and_the_first_sync(company: Employer) -> None:
    simulate()
    assert known(StoredEntry) == COUNT

    assert sync().state == RunState.APPLIED

    assert known(RunChange) >= COUNT
    assert known(Match) == COUNT


def test_a_table_that_has_hardly_grown_is_left_alone(company: Employer) -> None:
    simulate()
    StoredEntry.objects.filter(pk__gt=StoredEntry.objects.earliest("pk").pk + 10).delete()

    refresh_statistics(StoredEntry)

    assert known(StoredEntry) == COUNT


def test_a_table_that_somebody_else_looks_at_is_left_out_and_nobody_waits(company: Employer) -> None:
    simulate()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET relpages = 0, reltuples = 0 WHERE relname = 'directory_storedentry'")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE directory_storedentry IN SHARE UPDATE EXCLUSIVE MODE")
        refresh_statistics(StoredEntry)
        assert known(StoredEntry) == 0
        with other.cursor() as cursor:
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    with transaction.atomic():
        refresh_statistics(StoredEntry)
    assert known(StoredEntry) == COUNT


def test_only_columns_of_indexes_are_looked_at_as_others_cost_more_than_the_rest_of_it(company: Employer) -> None:
    simulate()

    with connection.cursor() as cursor:
        cursor.execute("SELECT attname FROM pg_stats WHERE tablename = %s", [StoredEntry._meta.db_table])
        looked_at = {name for (name,) in cursor.fetchall()}

    assert {"server_id", "run_id", "user_id", "dn_key"} <= looked_at
    assert not looked_at & {"attributes", "identity", "verdict", "dn", "digest"}
