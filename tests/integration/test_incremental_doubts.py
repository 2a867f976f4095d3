"""What a reading of changes can't see, or can't be asked for, has everything read, or is read again."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.urls import reverse

from directory.models import LastSeen, LdapServer, Run, RunState, StoredEntry
from directory.status import servers as status
from directory.values.plan import Outcome
from orgs.models import AuditEntry, User
from tests.fake_ldap import PAGED_RESULTS, FakeDirectory
from tests.integration.changes import (
    SETTINGS,
    SYNCPROV,
    accounts,
    changes,
    controlled,
    employed,
    planned,
    reading_of,
    root_of_a_controller,
    was_incremental,
)
from tests.makers import make_sysadmin, signed_in
from tests.worlds import NOON, change_of, ldap_server, simulate_and_sync, sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.in_turns]


def test_a_controller_is_known_by_its_capability_whoever_made_it() -> None:
    with controlled(root=root_of_a_controller(vendorName=[b"Samba Team"])) as server:
        server.entries = [*accounts(p1={"sn": [b"Married"], "uSNChanged": [b"2001"]}), SETTINGS]

        run = changes()

        assert reading_of(run).since["by"] == "uSNChanged"
        assert User.objects.get(username="p1").last_name == "Married"


def test_a_server_that_does_not_filter_by_its_stamps_is_not_believed() -> None:
    with controlled() as server:
        server.blind_to = b"uSNChanged"

        run = changes()

        assert not was_incremental(run)
        assert (
            reading_of(run).read_scope
            == "everything, because the server finds entries by a uSNChanged that no entry can have"
        )


def test_a_server_whose_stamps_may_not_be_searched_is_not_believed() -> None:
    with controlled() as server:
        server.entries = [
            (dn, {k: v for k, v in attributes.items() if k != "uSNChanged"}) for dn, attributes in accounts()
        ]
        server.entries = [*server.entries, SETTINGS]

        run = changes()

        assert not was_incremental(run)
        assert "the server finds nobody by uSNChanged" in reading_of(run).read_scope


@pytest.mark.parametrize("where", ["script", "mapping", "setting", "schema"])
def test_an_attribute_that_changes_without_marking_the_entry_has_everything_read(where: str) -> None:
    schema = "CN=Schema,CN=Configuration,DC=example"
    level = {"objectClass": [b"attributeSchema"], "lDAPDisplayName": [b"acmeLevel"], "systemFlags": [b"4"]}
    root = root_of_a_controller(schemaNamingContext=[schema.encode()])
    with controlled(root=root) as server:
        server.entries = [*accounts(), SETTINGS, (f"CN=level,{schema}", level)]
        if where == "mapping":
            LdapServer.objects.update(first_name_attribute="lastLogon")
        else:
            name = {"script": "lastLogon", "setting": "shoeSize", "schema": "acmeLevel"}[where]
            LdapServer.objects.update(active_script=f"function (entry) {{ return entry.{name} != '1' }}")
            LdapServer.objects.update(unmarked_attributes=["shoeSize"] if where == "setting" else [])
        simulate_and_sync()

        run = changes()

        assert not was_incremental(run)
        assert "changes without marking the entry as changed" in reading_of(run).read_scope
        LdapServer.objects.update(unmarked_attributes=["-lastLogon", "-acmeLevel"])
        assert was_incremental(changes())


@pytest.mark.parametrize("kind_of_cursor", ["", SYNCPROV], ids=["modifyTimestamp", "syncrepl"])
def test_whoever_was_deleted_and_made_anew_elsewhere_is_no_conflict(kind_of_cursor: str) -> None:
    with employed(extra=kind_of_cursor) as employer:
        base = employer.directory.base
        employer.directory.add(f"ou=new,{base}", {"objectClass": "organizationalUnit", "ou": "new"})
        sync()
        employer.directory.delete(employer.dn("p3"))
        person = {"objectClass": "inetOrgPerson", "uid": "p3", "cn": "p3", "sn": "P3", "mail": "new@example.com"}
        employer.directory.add(f"uid=p3,ou=new,{base}", person)

        run = changes()

        assert was_incremental(run)
        assert not run.changes.filter(outcome=Outcome.CONFLICT).exists()
        assert not StoredEntry.objects.filter(dn=employer.dn("p3")).exists()
        assert [row for row in planned(sync()) if row[-1] != Outcome.UNCHANGED] == []


def test_whoever_still_is_there_beside_another_one_is_a_conflict() -> None:
    with employed() as employer:
        base = employer.directory.base
        employer.directory.add(f"ou=new,{base}", {"objectClass": "organizationalUnit", "ou": "new"})
        sync()
        person = {"objectClass": "inetOrgPerson", "uid": "p3", "cn": "p3", "sn": "P3"}
        employer.directory.add(f"uid=p3,ou=new,{base}", person)

        run = changes()

        assert was_incremental(run)
        assert change_of(run, "p3").outcome == Outcome.CONFLICT
        assert change_of(sync(simulated=True), "p3").outcome == Outcome.CONFLICT


def test_whoever_takes_the_name_of_somebody_who_is_gone_is_decided_as_in_a_full_reading() -> None:
    with employed() as employer:
        employer.directory.delete(employer.dn("p4"))
        employer.directory.rename(employer.dn("p3"), "uid=p4")

        run = changes()

        assert was_incremental(run)
        assert not StoredEntry.objects.filter(dn=employer.dn("p3")).exists()
        full = sync(simulated=True)
        assert run.changes.get(user__username="p3").outcome in {
            Outcome.CONFLICT,
            full.changes.get(username="p3").outcome,
        }


def test_where_one_was_that_lost_its_row_is_kept() -> None:
    with employed() as employer:
        stranger = employer.dn("p5")
        employer.directory.delete(stranger)
        employer.directory.add(
            f"cn=other,{employer.directory.base}",
            {"objectClass": "inetOrgPerson", "uid": "p5", "cn": "other", "sn": "Quite Another", "givenName": "Ann"},
        )

        changes()

        assert not StoredEntry.objects.filter(dn=stranger).exists()
        assert set(LastSeen.objects.values_list("dn", flat=True)) <= {stranger}


# RFC 4533, 2.2.
SYNC = b"1.3.6.1.4.1.4203.1.9.1.1"
STAMP = b"20260101000000Z"


@pytest.fixture
def dropping() -> FakeDirectory:
    """A server that promises to tell changes by cookies, with its people."""
    people = [
        (dn.replace("DC=", "dc="), {**attributes, "modifyTimestamp": [STAMP], "createTimestamp": [STAMP]})
        for dn, attributes in accounts()
    ]
    suffix = ("dc=example", {"objectClass": [b"domain"], "contextCSN": [b"20260101000000.000000Z#000000#000#000000"]})
    root = {"supportedControl": [PAGED_RESULTS, SYNC], "namingContexts": [b"dc=example"]}
    return FakeDirectory(entries=[suffix, *people], filters=True, root=root, hang_up_on_control=SYNC)


@pytest.mark.parametrize("dead", [False, True])
def test_a_server_that_drops_the_connection_on_a_sync_search_gets_none_any_more(
    dropping: FakeDirectory, *, dead: bool
) -> None:
    with dropping as server:
        for number in range(4):
            user(f"p{number}", last_name=f"P{number}")
        settings = {
            "search_base": "dc=example",
            "bind_dn": "",
            "bind_password": "",
            "search_filter": "(objectClass=user)",
        }
        ldap_server(server.url, full_reading_every=9, **settings)
        simulate_and_sync()
        assert reading_of(Run.objects.latest("pk")).cursor["by"] == "syncrepl"
        server.dies_of_control = dead
        # Else nothing had changed, and nothing would be asked for.
        newest = {"objectClass": [b"domain"], "contextCSN": [b"20260102000000.000000Z#000000#000#000000"]}
        server.entries = [("dc=example", newest), *server.entries[1:]]

        run = changes()

        if dead:
            assert run.state == RunState.FAILED
            assert "does not answer any more" in reading_of(run).error
            assert "look whether it is still running" in reading_of(run).error
            server.silent_from_now_on = False
        else:
            assert run.state == RunState.APPLIED
            assert "the server broke off when it was asked by syncrepl" in reading_of(run).read_scope
        assert LdapServer.objects.get().sync_search_failed_at is not None
        assert AuditEntry.objects.filter(action="syncrepl turned off").exists()
        assert any("broke off when it was asked by syncrepl" in line.fact for line in status.look(at=NOON))
        tries = server.controls_seen.count(SYNC)

        run = changes()
        assert run.state == RunState.APPLIED
        assert reading_of(run).cursor["by"] == "modifyTimestamp"
        assert changes().state == RunState.APPLIED
        assert server.controls_seen.count(SYNC) == tries

        call_command("ldapserver", "ask-by-syncrepl", "corp")
        assert LdapServer.objects.get().sync_search_failed_at is None


def test_other_urls_are_another_server() -> None:
    ldap_server("ldap://127.0.0.1:1")
    LdapServer.objects.update(sync_search_failed_at=NOON, sync_search_failure="gone")

    ldap_server("ldap://127.0.0.1:1", full_reading_every=2)
    assert LdapServer.objects.get().sync_search_failed_at is not None
    ldap_server("ldap://127.0.0.1:2")
    assert LdapServer.objects.get().sync_search_failed_at is None


def test_the_page_asks_by_syncrepl_again() -> None:
    server = ldap_server("ldap://127.0.0.1:1")
    LdapServer.objects.update(sync_search_failed_at=NOON, sync_search_failure="gone")
    client = signed_in(make_sysadmin())
    page = reverse("ldap_servers:edit", args=[server.pk])
    assert "broke off when it was asked by syncrepl" in client.get(page).content.decode()

    answer = client.post(reverse("ldap_servers:sync-searches", args=[server.pk]))

    assert answer.status_code == 302
    assert LdapServer.objects.get().sync_search_failed_at is None
    assert AuditEntry.objects.filter(action="syncrepl turned on").exists()
