"""Looks at every list and detail page of a console, small and then large: statements of each, and times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from directory.models import LdapServer, Run, RunChange
from orgs.actions import users
from orgs.actions.users import NewUser, Profile
from orgs.actors import SYSTEM
from orgs.models import CreatedBy, Device, Matter, Org, Role, User
from orgs.permissions import SYSADMIN
from tests.bench.inside.filling import NOW, Size, fill, look_at_tables

LISTS = {"list", "dashboard"}
DETAILS = {"detail", "change", "edit"}
# Beside its first page, a list is looked at in its middle, from its end, and searched.
VARIANTS = ("", "?page=20", "?page=999999", "?q=u00000")
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Page:
    """One address of the console, and whether it shows a list or one thing."""

    name: str
    kind: str
    address: str


def main(small: str, large: str, repeats: str) -> list[dict[str, Any]]:
    """Return a row for each page; sizes are ``users,devices,runs``."""
    few, many = _size(small), _size(large)
    client = _administrator()
    fill(Size(0, 0, 0), few)
    look_at_tables()
    before = {page.name: _statements(client, page) for page in _pages()}
    fill(few, many)
    look_at_tables()
    return [_measured(client, page, before[page.name], int(repeats)) for page in _pages()]


def _size(text: str) -> Size:
    return Size(*map(int, text.split(",")))


def _administrator() -> Client:
    new = NewUser(
        Profile("ada", email="ada@example.com"),
        Org.objects.get(name="Default").pk,
        frozenset(Role.objects.filter(name=SYSADMIN).values_list("pk", flat=True)),
    )
    (ada,) = users.create(users=[new], created_by=CreatedBy.HAND, by=SYSTEM, at=NOW)
    client = Client()
    client.force_login(ada, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def _pages() -> list[Page]:
    """Return every list in its variants, and every page of one thing, of which an example is looked at."""
    found = []
    for name, arguments in _named(get_resolver()):
        last = name.rpartition(":")[2]
        if last in LISTS and not arguments:
            found += [Page(f"{name}{variant}", "list", reverse(name) + variant) for variant in VARIANTS]
        elif last in DETAILS and arguments:
            example = {argument: _example(name, argument) for argument in arguments}
            found.append(Page(name, "detail", reverse(name, kwargs=example)))
    return found


def _named(
    resolver: URLResolver, namespace: str = "", names: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for entry in resolver.url_patterns:
        arguments = (*names, *entry.pattern.converters)
        if isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}", arguments
        elif entry.app_name != "admin":
            yield from _named(entry, f"{entry.namespace}:" if entry.namespace else namespace, arguments)


def _example(name: str, argument: str) -> Any:
    """Return the id of an object that has as much as others of its kind: the newest, which has just been added."""
    device = Device.objects.select_related("user").order_by("-pk")[0]
    change = RunChange.objects.filter(run=Run.objects.newest_first()[0]).order_by("-pk")[0]
    if argument == "change_pk":
        return change.pk
    examples = {
        "users": device.user_id,
        "devices": device.pk,
        "orgs": User.objects.order_by("-pk")[0].org_id,
        "roles": Role.objects.get(name="PROe User").pk,
        "legal_holds": Matter.objects.order_by("-pk")[0].pk,
        "ldap_servers": LdapServer.objects.get().pk,
        "runs": change.run_id,
    }
    return examples[name.partition(":")[0]]


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
    _look(client, page)
    with CaptureQueriesContext(connection) as asked:
        _look(client, page)
    return len(asked)


def _look(client: Client, page: Page) -> None:
    answer = client.get(page.address)
    assert answer.status_code == 200, f"{page.address} answered {answer.status_code}"
