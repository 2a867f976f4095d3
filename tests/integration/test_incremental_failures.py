"""Whatever goes wrong while only changes are read has everything read instead, in the same run, and the reason is said."""

from __future__ import annotations

import pytest

from directory.ldap.connection_test.connection_test import test_connection as steps_of_connection
from directory.models import LdapServer, Run, RunState
from orgs.models import User
from tests.integration.changes import (
    SETTINGS,
    accounts,
    changes,
    controlled,
    employed,
    reading_of,
    root_of_a_controller,
    was_incremental,
)
from tests.worlds import sync

pytestmark = [pytest.mark.django_db, pytest.mark.once]

RENAMED = [
    ("CN=two,DC=example", {**attributes, "uSNChanged": [b"2001"]}) if name.startswith("CN=p2,") else (name, attributes)
    for name, attributes in accounts()
]


def test_a_server_that_says_nothing_of_missing_entries_to_paged_searches_is_asked_without_pages() -> None:
    with controlled([("DC=example", {"objectClass": [b"domain"]}), *accounts()]) as server:
        server.silent_pages = server.missing_bases = True
        server.entries = [("DC=example", {"objectClass": [b"domain"]}), *RENAMED, SETTINGS]

        run = changes()

        assert (run.state, reading_of(run).error) == (RunState.APPLIED, "")
        assert was_incremental(run)


def test_a_missing_base_is_called_missing_by_such_a_server() -> None:
    with controlled() as server:
        server.silent_pages = server.missing_bases = True
        connection = LdapServer.objects.get().connection

        last = steps_of_connection(connection)[-1]

        assert not last.ok
        assert "paging control" not in last.detail
        assert "No such object" in last.detail
        run = sync()
        assert run.state == RunState.FAILED
        assert "No such object" in reading_of(run).error
        assert "paging control" not in reading_of(run).error


@pytest.mark.parametrize("fault", ["hang_up_on", "refuse"])
@pytest.mark.parametrize("where", ["the changes", "single entries"])
def test_a_failure_while_changes_are_read_has_everything_read_in_the_same_run(fault: str, where: str) -> None:
    with controlled() as server:
        server.entries = [*accounts(p1={"sn": [b"Married"], "uSNChanged": [b"2001"]}), SETTINGS]
        if where == "single entries":
            # Nothing but the question for the canary, which has not come with the changes, has the filter alone.
            LdapServer.objects.update(canary="p3")
            server.hang_up_on_singles = fault == "hang_up_on"
            server.refuse_singles = fault == "refuse"
        else:
            setattr(server, fault, b"uSNChanged")

        run = changes()

        row = reading_of(run)
        assert (run.state, row.error, row.complete) == (RunState.APPLIED, "", True)
        assert not was_incremental(run)
        refused = where == "the changes" and fault == "refuse"
        why = "the server does not search by uSNChanged" if refused else "what has changed could not be read"
        assert row.read_scope.startswith(f"everything, because {why}")
        assert User.objects.get(username="p1").last_name == "Married"


def test_a_server_that_is_not_reached_or_refuses_the_bind_is_tried_once() -> None:
    with controlled() as server:
        server.bind_result = (49, "no")
        before = server.requests.count("bind")

        run = changes()

        assert run.state == RunState.FAILED
        assert server.requests.count("bind") == before + 1


def test_a_reading_that_failed_has_the_next_one_read_everything() -> None:
    with controlled() as server:
        server.bind_result = (51, "busy")
        assert changes().state == RunState.FAILED
        server.bind_result = (0, "")

        run = changes()

        assert not was_incremental(run)
        assert reading_of(run).read_scope == "everything, because the last reading of it was not complete"
        assert was_incremental(changes())


def test_a_position_that_is_none_has_everything_read() -> None:
    with controlled(root=root_of_a_controller(highestCommittedUSN=["²".encode()])) as server:
        assert reading_of(Run.objects.latest("pk")).cursor == {}
        server.root = root_of_a_controller()

        run = changes()

        assert run.state == RunState.APPLIED
        assert not was_incremental(run)


def test_a_deleted_member_of_a_changed_group_is_no_trouble() -> None:
    with employed() as employer:
        group = f"cn=helpdesk,{employer.directory.base}"
        members = [employer.dn("p1"), employer.dn("p2")]
        employer.directory.add(group, {"objectClass": "groupOfNames", "cn": "helpdesk", "member": members})
        assert changes().state == RunState.APPLIED
        employer.directory.delete(employer.dn("p2"))
        employer.directory.modify(group, {"description": "smaller"})

        run = changes()

        assert run.state == RunState.APPLIED
        assert was_incremental(run)
