"""Looks at every list and detail page of a console, small and then large: statements of each, and times."""

from __future__ import annotations

import gc
import time
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, Role, User
from orgs.permissions import SYSADMIN
from orgs.rules.actors import SYSTEM
from tests.bench.inside.addresses import Page, pages
from tests.bench.inside.filling import NOW, Size, fill, look_at_tables

WARM_UP = 2


def main(small: str, large: str, repeats: str, one_in: str) -> list[dict[str, Any]]:
    """Return a row for one page in so many; sizes are ``users,devices,runs``."""
    few, many = _size(small), _size(large)
    ada = _administrator()
    fill(Size(0, 0, 0), few)
    look_at_tables()
    client = _signed_in(ada)
    before = {page.name: _statements(client, page) for page in pages(client)[:: int(one_in)]}
    fill(few, many)
    look_at_tables()
    # Anew: who signed in long ago is asked for the password again before a plan is applied.
    client = _signed_in(ada)
    # As where a web server starts the console: what is loaded by then is not looked through for garbage.
    gc.collect()
    gc.freeze()
    return [_measured(client, page, before[page.name], int(repeats)) for page in pages(client)[:: int(one_in)]]


def _size(text: str) -> Size:
    return Size(*map(int, text.split(",")))


def _administrator() -> User:
    new = NewUser(
        Profile("ada", email="ada@example.com"),
        Org.objects.get(name="Default").pk,
        frozenset(Role.objects.filter(name=SYSADMIN).values_list("pk", flat=True)),
    )
    (ada,) = user_creation.create(users=[new], created_by=CreatedBy.HAND, by=SYSTEM, at=NOW)
    return ada


def _signed_in(ada: User) -> Client:
    client = Client()
    client.force_login(ada, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def _measured(client: Client, page: Page, before: int, repeats: int) -> dict[str, Any]:
    """Return what a page takes in the large console: statements, and milliseconds of each look."""
    statements = _statements(client, page)
    for _ in range(WARM_UP):
        _look(client, page)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        _look(client, page)
        times.append((time.perf_counter() - started) * 1000)
    return {"name": page.name, "kind": page.kind, "before": before, "statements": statements, "ms": times}


def _statements(client: Client, page: Page) -> int:
    """Return how many statements a page takes: once a minute a look writes, too, that the session is in use."""
    _look(client, page)
    return min(_statements_of(client, page), _statements_of(client, page))


def _statements_of(client: Client, page: Page) -> int:
    with CaptureQueriesContext(connection) as queries:
        _look(client, page)
    return len(queries)


def _look(client: Client, page: Page) -> None:
    answer = client.get(page.address)
    assert answer.status_code == 200, f"{page.address} answered {answer.status_code}"
