"""What noting matches costs the database grows with how many there are, not with their square."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection

from directory.models import KnownId, LdapServer, Match, PlannedMatch, Run
from directory.sync.identify import known_ids
from orgs.bulk_writes import insert_rows
from orgs.models import User
from tests.makers import NOW, make_run, make_server, make_user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL tells how many pages it looked at"),
    pytest.mark.database,
]
FEW, MANY = 500, 4_000
# A DN of this length fills a page with some thirty matches.
UNIT = f"ou={'department ' * 15},dc=example,dc=com"


@pytest.mark.parametrize("noted_before", [False, True], ids=["first matches", "other ids than before"])
def test_pages_looked_at_grow_with_the_number_of_matches(noted_before: bool) -> None:
    corp = make_server("Corp")
    _people(MANY)
    each = {}
    for count in (FEW, MANY):
        first, second = make_run(corp), make_run(corp)
        # As after a fresh installation: the planner knows that the tables are empty, and they fill while it reads them.
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE directory_match, directory_knownid, directory_plannedmatch")
            cursor.execute("VACUUM ANALYZE")
        _plan(first, corp, count)
        pages = _pages_of(partial(known_ids.note, plan_id=first.pk, run_id=first.pk, at=NOW))
        if noted_before:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")
            _plan(second, corp, count)
            pages = _pages_of(partial(known_ids.note, plan_id=second.pk, run_id=second.pk, at=NOW))
            assert KnownId.objects.count() == count
        assert Match.objects.count() == count
        each[count] = pages / count
    assert each[MANY] < 2 * each[FEW], each


def _people(count: int) -> None:
    someone = make_user("someone")
    names = [f"user{number}" for number in range(count - 1)]
    User.objects.bulk_create(User(username=name, username_key=name, org=someone.org) for name in names)


def _plan(run: Run, server: LdapServer, count: int) -> None:
    ids = User.objects.order_by("pk").values_list("pk", flat=True)[:count]
    columns = ("run", "user", "server", "dn", "unique_id", "further_ids", "by_id")
    rows = [(run.pk, pk, server.pk, f"uid={pk},{UNIT}", f"id-{run.pk}-{pk}", "", False) for pk in ids]
    insert_rows(PlannedMatch, columns, rows)


def _pages_of(act: Callable[[], object]) -> int:
    """Return how many pages the statements of an act that write have looked at."""
    looked_at = []

    def explained(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith("INSERT"):
            return execute(sql, params, many, context)
        execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params, many, context)
        (found,) = context["cursor"].fetchone()
        plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
        looked_at.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        return None

    with connection.execute_wrapper(explained):
        act()
    return sum(looked_at)
