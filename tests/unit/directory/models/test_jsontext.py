"""JSON that is kept as text: it comes back as it was, and is found by what it says."""

from __future__ import annotations

import json

import pytest
from django.core import serializers
from django.db import connection
from django.test import Client
from django.urls import reverse

from directory.models import Run, RunChange, StoredEntry
from directory.sync.stored import plan_rows
from directory.values.plan import Account, Change, DecidedUser, LookupResult, Outcome, Presence, StoredUser
from orgs.bulk_writes import Json, insert_rows, update_rows
from orgs.models import User
from tests.makers import make_change, make_run, make_server, make_sysadmin, make_user, signed_in

ODD = ["found as uid=jürgen", 'says "no" to C:\\temp', "北京 🙂", "tab\tand\nline", "NUL \x00", ""]


@pytest.fixture
def client() -> Client:
    return signed_in(make_sysadmin())


@pytest.mark.django_db
class TestStepsOfAChange:
    @pytest.fixture
    def change(self) -> RunChange:
        return make_change(make_run(), make_user("wendy"))

    @pytest.mark.parametrize("lines", [[], ODD])
    def test_come_back_as_they_were(self, change: RunChange, lines: list[str]) -> None:
        change.steps = lines
        change.save()

        assert RunChange.objects.get(pk=change.pk).steps == lines
        assert RunChange.objects.values_list("steps", flat=True).get(pk=change.pk) == lines

    def test_are_written_over_in_one_statement(self, change: RunChange) -> None:
        RunChange.objects.update(steps=ODD)

        assert RunChange.objects.get(pk=change.pk).steps == ODD

    def test_are_looked_for_as_a_whole(self, change: RunChange) -> None:
        RunChange.objects.update(steps=ODD)

        assert RunChange.objects.filter(steps=ODD).exists()
        assert not RunChange.objects.filter(steps=ODD[:-1]).exists()

    def test_outlast_a_dump(self, change: RunChange) -> None:
        RunChange.objects.update(steps=ODD)
        dumped = serializers.serialize("json", RunChange.objects.all())
        RunChange.objects.all().delete()

        for loaded in serializers.deserialize("json", dumped):
            loaded.save()

        assert RunChange.objects.get(pk=change.pk).steps == ODD

    def test_are_loaded_from_a_dump_that_has_them_as_a_list(self, change: RunChange) -> None:
        (dumped,) = json.loads(serializers.serialize("json", RunChange.objects.all()))
        dumped["fields"]["steps"] = ODD

        for loaded in serializers.deserialize("json", json.dumps([dumped])):
            loaded.save()

        assert RunChange.objects.get(pk=change.pk).steps == ODD

    def test_of_a_plan_come_back_as_they_were(self) -> None:
        run, wendy = make_run(), make_user("wendy")

        plan(run, wendy, ODD)

        assert run.changes.get().steps == ODD


@pytest.mark.django_db
class TestAttributesOfAStoredEntry:
    @pytest.mark.parametrize("attributes", [{}, {"cn": ["Jürgen"], "description;lang-de": ODD[:4]}])
    def test_come_back_as_they_were_and_in_their_order(self, attributes: dict[str, list[str]]) -> None:
        columns = {"dn": "uid=wendy", "dn_key": "1", "unique_id": "", "identity": {}, "digest": "", "run_id": 1}
        columns |= {"ambiguous": False, "matched_by": "", "settled": False, "named": "", "server": make_server().pk}
        insert_rows(StoredEntry, [*columns, "attributes"], [[*columns.values(), Json(json.dumps(attributes))]])
        stored = StoredEntry.objects.get()
        assert list(stored.attributes.items()) == list(attributes.items())

        update_rows(StoredEntry, {stored.pk: {"attributes": Json('{"sn": ["W"]}')}}, columns=["attributes"])
        assert StoredEntry.objects.get().attributes == {"sn": ["W"]}
        update_rows(StoredEntry, {stored.pk: {"attributes": Json(json.dumps(attributes))}}, columns=["attributes"])
        assert list(StoredEntry.objects.get().attributes.items()) == list(attributes.items())


def plan(run: Run, user: User, steps: list[str]) -> None:
    """Store a plan that has something to say about one user."""
    account = Account(
        username=user.username,
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        active=True,
        blocked=False,
        pending=False,
        org=user.org.name,
        org_id=user.org_id,
        roles=frozenset(),
    )
    change = Change(user.pk, Outcome.KEPT, account, account, tuple(steps))
    plan_rows.planned(
        run=run, changes=[DecidedUser(change, StoredUser(user.pk, account), LookupResult(Presence.ABSENT))]
    )


@pytest.mark.django_db
class TestASearchInTheStepsOfARun:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("jürgen", True),
            ("UID=J", True),
            ("北京", True),
            ("uid=jürgen temp", True),
            ("jurgen", False),
            ("u00fc", False),
            ("uid=_", False),
        ],
    )
    def test_finds_letters_of_all_languages(self, client: Client, text: str, found: bool) -> None:
        run = make_run()
        plan(run, make_user("wendy"), ODD)
        make_change(run, make_user("stan"))

        assert names_found(client, run, text) == (["wendy"] if found else [])

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite compares only English letters in any case")
    def test_finds_them_in_any_letter_case(self, client: Client) -> None:
        run = make_run()
        plan(run, make_user("wendy"), ODD)

        assert names_found(client, run, "JÜRGEN") == ["wendy"]


def names_found(client: Client, run: Run, text: str) -> list[str]:
    """Return the users whose changes a search on the page of a run leaves."""
    page = client.get(reverse("runs:detail", args=[run.pk]), {"q": text}).context["page"]
    return [row.record.username for row in page.listing.table.page.object_list]
