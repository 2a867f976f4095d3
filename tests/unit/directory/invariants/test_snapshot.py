"""All rules look at the database as it is at one moment, whoever writes meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from directory.invariants import one_snapshot
from orgs.models import User
from tests.worlds import user


@pytest.mark.django_db(transaction=True)
def test_all_rules_see_one_snapshot() -> None:
    before = User.objects.count()

    with one_snapshot():
        assert User.objects.count() == before
        with ThreadPoolExecutor(max_workers=1) as elsewhere:
            elsewhere.submit(_make_somebody).result()
        seen = User.objects.count()

    assert (seen, User.objects.count()) == (before, before + 1)


def _make_somebody() -> None:
    user("somebody")
    connection.close()
