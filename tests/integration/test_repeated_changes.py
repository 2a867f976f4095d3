"""What a run says as an earlier run has said it is stored once, and shown with each of the runs as before."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory import invariants
from directory.actions import stored_plans
from directory.models import Absence, Match, Run, RunChange, RunRepeat, RunState
from directory.sync import pipeline
from directory.sync.finish import json_summary
from directory.values.plan import Outcome
from orgs.actions.users import blocking
from orgs.models import User
from orgs.permissions import SYSADMIN
from orgs.rules.actors import SYSTEM, Actor
from tests.directories import Directory, people
from tests.makers import make_org, make_user, signed_in
from tests.worlds import NOON, Clock, change_of, ldap_server, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

ADA = Actor(label="ada")
COUNT = 30
LIMITS = {"limit_deactivations_percent": 100, "limit_role_changes_percent": 100, "limit_moves_percent": 100}


@pytest.fixture
def corp() -> Iterator[Directory]:
    """A directory of thirty people, of whom ten were blocked by a person: each run keeps them."""
    with Directory(ldif=people(COUNT)) as directory:
        made = [user(f"u{number:05}") for number in range(1, COUNT + 1)]
        ldap_server(directory.url, search_filter="(objectClass=inetOrgPerson)", **LIMITS)
        simulate_and_sync()
        blocking.block(user_ids=[each.pk for each in made[:10]], by=ADA, at=NOON)
        yield directory


@pytest.fixture
def console() -> Client:
    """A SYSADMIN's browser, of an org whose users are managed locally."""
    return signed_in(make_user("ada", org=make_org("Console"), roles=[SYSADMIN]))


def changes_of(run: Run) -> list[dict[str, Any]]:
    """Return what a run says, in the order of names."""
    return sorted(json_summary.changes(run, at=NOON), key=lambda each: str(each["username"]))


def listed(console: Client, run: Run, **query: str) -> list[str]:
    """Return whom the page of a run lists."""
    page = console.get(reverse("runs:detail", args=[run.pk]), {"per_page": "200", **query}).context["page"]
    return [row.record.username for row in page.listing.table.paginated_rows]


class TestARunThatSaysWhatAnEarlierOneSaid:
    def test_stores_a_range_instead_of_the_rows(self, corp: Directory) -> None:
        first = sync()
        rows = RunChange.objects.count()

        second = sync()

        assert RunChange.objects.count() == rows
        assert [row.last - row.first + 1 for row in RunRepeat.objects.filter(run=second)] == [10]
        assert changes_of(second) == changes_of(first)
        assert {each["outcome"] for each in changes_of(second)} == {Outcome.KEPT}
        assert second.counts == first.counts
        assert not invariants.broken(at=NOON)

    def test_stores_what_is_new_beside_it(self, corp: Directory) -> None:
        sync()
        blocking.block(user_ids=[_user("u00020")], by=ADA, at=NOON)
        corp.modify("uid=u00005,ou=People,dc=example,dc=com", {"sn": "Newname"})

        run = sync()

        assert len(changes_of(run)) == 11
        assert [each.username for each in run.stored_changes.all()] == ["u00020"]
        assert sum(row.last - row.first + 1 for row in run.repeats.all()) == 10

    def test_comes_back_to_what_was_said_before_something_else_was(self, corp: Directory) -> None:
        first = sync()
        blocking.unblock(user_ids=[_user("u00003")], by=ADA, at=NOON)
        sync()
        blocking.block(user_ids=[_user("u00003")], by=ADA, at=NOON)
        rows = RunChange.objects.count()

        third = sync()

        assert (changes_of(third), RunChange.objects.count()) == (changes_of(first), rows)

    def test_writes_no_row_of_those_whose_server_is_still_down(self, corp: Directory) -> None:
        with Directory(ldif=people(1)) as branch:
            user("u00031", org_name="Branch")
            ldap_server(branch.url, name="Branch", orgs=["Branch"], **LIMITS)
            simulate_and_sync()
            corp.stop(remove=False)
            first = sync()
            rows = RunChange.objects.count()

            second = sync()

        assert (first.counts["notChecked"], second.counts["notChecked"]) == (COUNT, COUNT)
        assert (RunChange.objects.count(), second.repeats.count()) == (rows, 1)
        assert changes_of(second) == changes_of(first)

    def test_does_not_refer_to_a_run_that_is_under_way(self, corp: Directory) -> None:
        first = sync()
        until = timezone.now() + timedelta(seconds=20)
        Run.objects.filter(pk=first.pk).update(state=RunState.READING, lease_until=until)

        second = sync(simulated=True)

        assert not second.repeats.exists()
        assert second.stored_changes.count() == 10

    def test_that_is_planned_again_after_a_crash_refers_to_them_once(self, corp: Directory) -> None:
        sync()
        second = simulate()
        Run.objects.filter(pk=second.pk).update(state=RunState.READING, lease_until=None, finished_at=None)
        second.readings.update(live=True)

        pipeline.execute(second.pk, clock=Clock(NOON))

        assert len(changes_of(second)) == 10
        assert sum(row.last - row.first + 1 for row in second.repeats.all()) == 10

    def test_applies_a_simulation_s_plan_with_what_that_says(self, corp: Directory) -> None:
        sync()
        corp.modify("uid=u00025,ou=People,dc=example,dc=com", {"sn": "Newname"})
        simulation = simulate()

        applied = stored_plans.apply_plan(run=simulation, by=SYSTEM, at=NOON)
        pipeline.execute(applied.pk, clock=Clock(NOON))
        applied.refresh_from_db()

        assert applied.state == RunState.APPLIED
        assert [each["username"] for each in changes_of(applied)] == [
            each["username"] for each in changes_of(simulation)
        ]
        assert applied.stored_changes.get().outcome == Outcome.APPLIED
        assert not invariants.broken(at=NOON)


class TestADoubtfulUser:
    def test_keeps_the_noted_match_when_the_doubt_is_repeated(self, corp: Directory) -> None:
        ldap_server(corp.url, search_filter="(objectClass=inetOrgPerson)", **LIMITS)
        simulate_and_sync()
        before = Match.objects.get(user__username="u00012").dn
        corp.modify("uid=u00012,ou=People,dc=example,dc=com", {"uid": ["u00012", "u00013"]})
        corp.delete("uid=u00013,ou=People,dc=example,dc=com")
        corp.rename("uid=u00012,ou=People,dc=example,dc=com", "cn=renamed")
        assert change_of(sync(), "u00012").outcome == Outcome.CONFLICT

        run = sync()

        assert run.repeats.exists()
        assert Match.objects.get(user__username="u00012").dn == before

    def test_is_absent_in_as_many_runs_as_said_so(self, corp: Directory) -> None:
        ldap_server(corp.url, absence_runs=5, search_filter="(objectClass=inetOrgPerson)", **LIMITS)
        user("nobody")
        simulate()

        for _ in range(3):
            sync()

        assert Absence.objects.get().runs == 3


class TestThePages:
    @pytest.fixture
    def repeated(self, corp: Directory) -> tuple[Run, Run]:
        """Two runs that say the same, the second one with a user more."""
        first = sync()
        blocking.block(user_ids=[_user("u00020")], by=ADA, at=NOON)
        return first, sync()

    @pytest.mark.parametrize(
        "query", [{}, {"sort": "username"}, {"sort": "-username"}, {"sort": "outcome"}, {"outcome": "kept"}]
    )
    def test_list_everybody(self, console: Client, repeated: tuple[Run, Run], query: dict[str, str]) -> None:
        names = [f"u{number:05}" for number in (*range(1, 11), 20)]

        found = listed(console, repeated[1], **query)

        assert sorted(found) == names
        if query.get("sort", "").endswith("username"):
            assert found == sorted(names, reverse=query["sort"].startswith("-"))

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({"q": "u00003"}, 1),
            ({"q": "blocked by a person"}, 11),
            ({"q": "u00020"}, 1),
            ({"outcome": "conflict"}, 0),
            ({"warnings": "yes"}, 0),
            ({"action": "deactivate"}, 0),
            ({"org": "Default"}, 11),
        ],
    )
    def test_are_filtered(self, console: Client, repeated: tuple[Run, Run], query: dict[str, str], count: int) -> None:
        if "org" in query:
            query = {"org": str(org(query["org"]).pk)}

        assert len(listed(console, repeated[1], **query)) == count

    def test_come_one_after_the_other(self, console: Client, repeated: tuple[Run, Run]) -> None:
        pages = [listed(console, repeated[1], per_page="25", page=number) for number in ("1", "2")]

        assert len(pages[0]) == 11

    def test_lead_to_the_steps_in_the_run_that_is_shown(self, console: Client, repeated: tuple[Run, Run]) -> None:
        first, second = repeated
        change = first.changes.get(username="u00003")
        address = reverse("runs:change", args=[second.pk, change.pk])

        assert address in console.get(reverse("runs:detail", args=[second.pk])).content.decode()
        assert "blocked by a person" in console.get(address).content.decode()
        late = second.changes.get(username="u00020")
        assert console.get(reverse("runs:change", args=[first.pk, late.pk])).status_code == 404

    def test_are_saved_as_csv_and_json(self, console: Client, repeated: tuple[Run, Run]) -> None:
        second = repeated[1]
        both = [_csv(console, run) for run in repeated]

        assert [len(rows) for rows in both] == [11, 12]
        assert set(both[0]) < set(both[1])
        saved = json.loads(b"".join(console.get(reverse("runs:json", args=[second.pk]))))
        assert len(saved["changes"]) == 11

    def test_of_a_user_name_each_run(self, console: Client, repeated: tuple[Run, Run]) -> None:
        first, second = repeated
        page = console.get(reverse("users:history", args=[_user("u00003")]), {"unchanged": "on"})

        items = [item for item in page.context["page"] if item.run is not None]
        assert [item.run.pk for item in items][:2] == [second.pk, first.pk]
        assert {item.outcome for item in items[:2]} == {Outcome.KEPT}
        assert reverse("runs:detail", args=[second.pk]) in page.content.decode()


def _csv(console: Client, run: Run) -> list[tuple[str, ...]]:
    text = b"".join(console.get(reverse("runs:csv", args=[run.pk]))).decode("utf-8-sig")
    return [tuple(row) for row in csv.reader(io.StringIO(text))]


def _user(name: str) -> int:
    return int(User.objects.get(username=name).pk)
