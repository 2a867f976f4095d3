"""A database with rows of an older version is brought to this one: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from directory import last_found
from directory.models import KnownId, Mail, Match, Run, RunChange, RunState
from directory.sync import known_ids
from orgs.models import Org
from tests.makers import NOW, make_change, make_run, make_server, make_user

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE_MAILS = ("directory", "0016_repeated_changes")
BEFORE_REPEATS = ("directory", "0014_what_a_plan_relies_on")


@pytest.fixture(autouse=True)
def the_newest_version_again() -> Iterator[None]:
    yield
    call_command("migrate", verbosity=0)


def back_to(*targets: tuple[str, str]) -> Any:
    """Bring the database to an older version, and return the models that it had then."""
    return MigrationExecutor(connection).migrate(list(targets)).apps


def upgrade() -> None:
    call_command("migrate", verbosity=0)


class TestMails:
    @pytest.mark.parametrize("count", [3, 700])
    def test_of_several_addresses_become_one_each(self, count: int) -> None:
        runs = [make_run().pk for _ in range(count)]
        addresses = ["ada@example.com", "sean@example.com", "vera@example.com"]
        old = back_to(BEFORE_MAILS).get_model("directory", "Mail")
        old.objects.bulk_create(
            old(
                run_id=pk,
                kind="summary",
                recipients=addresses,
                message_id=f"run-{pk}@here",
                created_at=NOW,
                sent_at=NOW,
            )
            for pk in runs
        )

        upgrade()

        assert Mail.objects.count() == 3 * count
        assert set(Mail.objects.values_list("run", "recipient")) == {(pk, each) for pk in runs for each in addresses}
        assert Mail.objects.values("message_id").distinct().count() == 3 * count
        assert not Mail.objects.filter(sent_at=None).exists()

    def test_without_addresses_stay(self) -> None:
        run = make_run()
        old = back_to(BEFORE_MAILS).get_model("directory", "Mail")
        old.objects.create(run_id=run.pk, kind="summary", recipients=[], message_id="1@here", created_at=NOW)

        upgrade()

        assert Mail.objects.get().recipient == ""


class TestKnownEntries:
    def test_keep_their_ids_but_those_that_may_have_been_cut(self) -> None:
        corp, numbers = make_server(), make_server("Numbers", unique_id_attribute="employeeNumber")
        people = [make_user(f"user{number}") for number in range(5)]
        old = back_to(BEFORE_MAILS).get_model("directory", "Match")
        ids = {
            0: (corp.pk, "id-1"),
            1: (numbers.pk, "4711"),
            2: (corp.pk, "x" * 255),
            3: (numbers.pk, ""),
            4: (None, "id-5"),
        }
        for number, (server, unique_id) in ids.items():
            old.objects.create(
                user_id=people[number].pk, server_id=server, dn=f"uid={number}", unique_id=unique_id, matched_at=NOW
            )

        upgrade()

        told = dict(Match.objects.values_list("user__username", "unique_id"))
        assert told == {
            "user0": "id-1",
            "user1": "employeenumber: 4711",
            "user2": "",
            "user3": "",
            "user4": "id-5",
        }
        assert dict(Match.objects.values_list("user__username", "deleted_server"))["user4"] == "a deleted LDAP server"
        assert set(Match.objects.exclude(user=people[4]).values_list("deleted_server", flat=True)) == {""}
        assert not KnownId.objects.exists()
        assert {one for one, _, _ in known_ids.owners(["employeenumber: 4711"], server_id=numbers.pk)} == {
            "employeenumber: 4711"
        }

    def test_of_a_deleted_server_are_listed_for_whoever_decides(self) -> None:
        corp, lee = make_server(), make_user("lee")
        Org.objects.filter(name="Default").update(directory_service="ldap")
        Org.objects.get(name="Default").server_links.create(server=corp)
        old = back_to(BEFORE_MAILS).get_model("directory", "Match")
        old.objects.create(user_id=lee.pk, server_id=None, dn="uid=lee", unique_id="id-1", matched_at=NOW)

        upgrade()

        assert [(group.server_id, group.name, group.count) for group in last_found.groups()] == [
            (None, "a deleted LDAP server", 1)
        ]


class TestRuns:
    def test_keep_their_changes(self) -> None:
        run, lee = make_run(state=RunState.APPLIED, simulated=False), make_user("lee")
        change = make_change(run, lee, outcome="kept")
        back_to(BEFORE_REPEATS)

        upgrade()

        assert list(Run.objects.get(pk=run.pk).changes) == [change]
        assert RunChange.objects.get().digest is None

    def test_are_there_again_when_an_upgrade_is_taken_back(self) -> None:
        run, lee = make_run(), make_user("lee")
        make_change(run, lee)
        Mail.objects.create(run=run, kind="summary", recipient="a@example.com", message_id="1@here", created_at=NOW)
        Mail.objects.create(run=run, kind="summary", recipient="b@example.com", message_id="2@here", created_at=NOW)

        old = back_to(BEFORE_MAILS)

        assert old.get_model("directory", "Mail").objects.get().recipients == ["a@example.com", "b@example.com"]
        assert old.get_model("directory", "RunChange").objects.count() == 1
