"""A run of one server reads its neighbours, too: who their entries belong to stays, whether they are in its scope or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from directory.impact.script_impact import impact
from directory.models import LdapServer, RunState, StoredEntry
from directory.values.scripts import Scripts
from orgs.models import User
from tests.fake_ldap import Attributes, FakeDirectory
from tests.worlds import change_of, ldap_server, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db
NOBODY = "function (entry) { return false }"


def people(*uids: str) -> list[tuple[str, Attributes]]:
    return [(f"uid={uid},dc=example", {"uid": [uid.encode()], "entryUUID": [f"id-{uid}".encode()]}) for uid in uids]


def serve(server: FakeDirectory, name: str, orgs: list[str]) -> LdapServer:
    settings = {"search_filter": "(uid=*)", "bind_dn": "cn=reader", "bind_password": "x", "search_base": server.base}
    return ldap_server(server.url, name=name, orgs=orgs, limit_entries_percent=1, **settings)


@pytest.fixture
def corp() -> Iterator[LdapServer]:
    """Give Corp, which Default asks alone and Branch beside its own server; ten people in the one org, one in the other."""
    staff = [f"c{n}" for n in range(10)]
    org("Branch")
    for uid in staff:
        user(uid)
    user("b0", org_name="Branch")
    with (
        FakeDirectory(people(*staff), filters=True, missing_bases=True) as corp,
        FakeDirectory(people("b0"), filters=True, missing_bases=True) as branch,
    ):
        found = serve(corp, "Corp", ["Default", "Branch"])
        serve(branch, "Branch", ["Branch"])
        simulate_and_sync()
        yield found


def matched(server: LdapServer) -> int:
    return StoredEntry.objects.filter(server=server, user__isnull=False).count()


def test_a_run_of_one_server_leaves_the_matches_of_the_others_users_alone(corp: LdapServer) -> None:
    branch = LdapServer.objects.get(name="Branch")
    sync()
    before = dict(StoredEntry.objects.filter(server=corp).values_list("pk", "run_id"))

    for run in (sync(branch), sync(corp), sync(branch), sync()):
        assert run.state == RunState.APPLIED
        assert matched(corp) == 10
    assert dict(StoredEntry.objects.filter(server=corp).values_list("pk", "run_id")) == before


def test_a_run_of_one_server_decides_about_nobody_else(corp: LdapServer) -> None:
    branch = LdapServer.objects.get(name="Branch")
    LdapServer.objects.filter(pk=corp.pk).update(active_script=NOBODY)

    run = simulate(branch)

    assert not run.changes.exclude(username="b0").exists()


def test_an_entry_of_somebody_outside_the_scope_is_no_namesakes(corp: LdapServer) -> None:
    branch = LdapServer.objects.get(name="Branch")
    User.objects.filter(username="c0").update(username="renamed", username_key="renamed")
    user("c0", org_name="Branch")

    run = simulate(branch)

    assert change_of(run, "c0").outcome == "conflict"


def test_the_impact_of_an_edit_asks_all_entries_after_a_run_of_a_neighbour(corp: LdapServer) -> None:
    sync(LdapServer.objects.get(name="Branch"))

    *_, last = impact(corp, Scripts(active=NOBODY))

    assert (last.done, last.edited["deactivated"]) == (10, 10)
    assert last.basis.missing == 0
    assert last.basis.incomplete == ""


def test_the_impact_says_when_active_users_have_no_stored_entry(corp: LdapServer) -> None:
    StoredEntry.objects.filter(server=corp, user__username__in=["c0", "c1"]).update(user=None)

    first, *_ = impact(corp, Scripts(active=NOBODY))

    assert (first.basis.total, first.basis.missing) == (8, 2)
    assert "2 active users" in first.basis.incomplete


def test_the_impact_says_how_many_are_missing_in_few_statements(corp: LdapServer) -> None:
    with CaptureQueriesContext(connection) as queries:
        next(impact(corp, Scripts(active=NOBODY)))

    assert len([each for each in queries if "NOT EXISTS" in each["sql"].upper()]) <= 1
