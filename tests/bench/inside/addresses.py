"""Finds what pages the console has, from its URL map: each list in every way that it can be looked at, and each thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.test import Client
from django.test.utils import setup_test_environment, teardown_test_environment
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from console.listing.listing import PAGE_SIZES
from directory.models import BulkAct, LdapServer, Run, RunChange
from orgs.models import Archive, DeploymentPolicy, Device, Matter, Role, User
from tests.bench.inside.filling import NOW
from tests.makers import make_restore_job

LISTS = {"list", "dashboard"}
DETAILS = {"detail", "change", "edit", "apply", "undo", "delete"}
FAR = 999_999
# One letter that nearly everything has, part of a name, two words, and what nobody is called.
SEARCHES = ("a", "0042", "ada example", "nobody is called so")


@dataclass(frozen=True, slots=True)
class Page:
    """One address of the console, and whether it shows a list or one thing."""

    name: str
    kind: str
    address: str


def pages(client: Client) -> list[Page]:
    """Return every page of one thing, of which an example is looked at, and every list in all its variants.

    A list on the page of one thing (a run's changes, a matter's custodians) is a list once it is searched or paged.
    Things come first: some of their pages are only for who has just signed in.
    """
    # Answers then tell what was shown; it costs time, so only here.
    setup_test_environment()
    try:
        return sorted(_found(client), key=lambda page: page.kind)
    finally:
        teardown_test_environment()


def _found(client: Client) -> Iterator[Page]:
    for name, arguments in _named(get_resolver()):
        last = name.rpartition(":")[2]
        if last in LISTS and not arguments:
            yield from _list(client, name, reverse(name), "list")
        elif last in DETAILS and arguments:
            example = {argument: _example(name, argument) for argument in arguments}
            yield from _list(client, name, reverse(name, kwargs=example), "detail")


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
    """Return the id of an object that has as much as any of its kind: the newest, which has just been added."""
    runs = Run.objects.newest_first()
    change = RunChange.objects.filter(run=runs.filter(simulated=name == "runs:apply")[0]).order_by("-pk")[0]
    if argument == "change_pk":
        return change.pk
    if argument == "job_pk":
        return make_restore_job(Device.objects.order_by("-pk")[0]).pk
    examples = {
        "users": Device.objects.order_by("-pk")[0].user_id,
        "devices": Device.objects.order_by("-pk")[0].pk,
        "restores": Device.objects.order_by("-pk")[0].pk,
        "archives": Archive.objects.order_by("-pk")[0].pk,
        "orgs": User.objects.order_by("-pk")[0].org_id,
        "roles": Role.objects.get(name="PROe User").pk,
        "deployment": DeploymentPolicy.objects.order_by("-pk")[0].pk,
        "legal_holds": Matter.objects.order_by("-pk")[0].pk,
        "ldap_servers": LdapServer.objects.get().pk,
        "runs": change.run_id,
        "bulk_acts": BulkAct.objects.order_by("-pk")[0].pk,
    }
    return examples[name.partition(":")[0]]


def _list(client: Client, name: str, address: str, kind: str) -> list[Page]:
    """Return an address as it is and, where it has a table, in every variant: the middle of a list is the hardest."""
    first = Page(name, kind, address)
    table, form = _shown(client, address, {})
    if table is None:
        return [first]
    wide = f"per_page={PAGE_SIZES[-1]}"
    variants = {"": {}, wide: {"per_page": PAGE_SIZES[-1]}, **dict(_sorted(table)), **dict(_filtered(form))}
    places: dict[str, dict[str, Any]] = {"page=second": {"page": 2}, "page=last": {"page": FAR}}
    for query_text, query in variants.items():
        middle = _shown(client, address, query)[0].paginator.num_pages // 2 + 1
        places |= {query_text: query, f"{query_text}&page=middle".strip("&"): query | {"page": middle}}
    del places[""]
    return [
        first,
        *(
            Page(f"{name}?{query_text}", "list", f"{address}?{urlencode(query)}")
            for query_text, query in places.items()
        ),
    ]


def _shown(client: Client, address: str, query: dict[str, Any]) -> tuple[Any, forms.Form]:
    """Return the table on a page and the form of its filters, where it has any."""
    context = client.get(address, query).context
    listing = context.get("listing") or getattr(context.get("page"), "listing", None)
    if listing is None:
        return getattr(context.get("card"), "history", None), forms.Form()
    return listing.table, listing.filters.form if listing.filters else forms.Form()


def _sorted(table: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for column in table.columns:
        if column.orderable:
            for order in (column.name, f"-{column.name}"):
                yield f"sort={order}", {"sort": order}


def _filtered(form: forms.Form) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in form.fields.items():
        for query_text, value in _values(field).items():
            yield f"{name}={query_text}", {name: value}


def _values(field: forms.Field) -> dict[str, Any]:
    """Return what is chosen in a filter, by what is told of it: of what is stored only the first and the last."""
    if isinstance(field, forms.ChoiceField):
        offered: Any = field.choices
        choices = [str(value) for value, _ in offered if str(value)]
        if isinstance(field, forms.ModelChoiceField):
            return {"first": choices[0], "last": choices[-1]}
        return {value: value for value in choices}
    if isinstance(field, forms.DateField):
        return {"today": NOW.date().isoformat()}
    if isinstance(field, forms.DecimalField):
        return {"newest": Run.objects.newest_first()[0].pk}
    return {text: text for text in SEARCHES}
