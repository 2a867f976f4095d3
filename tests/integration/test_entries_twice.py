"""An entry that comes twice counts once, whether a page repeats it or a referral leads to it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory.models import LdapServer, RunState, StoredEntry
from tests.fake_ldap import Attributes, FakeDirectory
from tests.worlds import again, ldap_server, simulate, simulate_and_sync, sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.once]

Entries = list[tuple[str, Attributes]]


def people(count: int, top: str = "dc=example") -> Entries:
    return [
        (f"uid=u{n},{top}", {"uid": [b"u%d" % n], "sn": [b"One", b"Two"], "entryUUID": [b"id-%d" % n]})
        for n in range(count)
    ]


def serve(server: FakeDirectory, **values: object) -> LdapServer:
    settings = {"search_filter": "(uid=*)", "bind_dn": "cn=reader", "bind_password": "x", "page_size": 10}
    return ldap_server(server.url, search_base=server.base, limit_entries_percent=1, **settings | values)


@pytest.fixture
def server() -> Iterator[FakeDirectory]:
    with FakeDirectory(people(30), filters=True, missing_bases=True) as server:
        yield server


@pytest.mark.parametrize(("first", "second"), [(5, 15), (5, 6), (25, 29)])
def test_one_of_30_is_taken_once_and_named_at_the_first_reading(server: FakeDirectory, first: int, second: int) -> None:
    entries = people(30)
    entries[second] = entries[first]
    server.entries = entries
    serve(server)
    user(f"u{first}")

    run = simulate()

    assert run.state == RunState.PLANNED, run.error
    assert f"1 entry came twice and counts once: uid=u{first},dc=example" in " ".join(run.warnings)
    assert (run.readings.get().entries, StoredEntry.objects.count()) == (29, 29)


def test_it_changes_nobody_whose_entry_did_not_come_instead(server: FakeDirectory) -> None:
    everybody = [user(f"u{n}") for n in range(30)]
    serve(server)
    simulate_and_sync()
    complete = server.entries
    server.entries = [*complete[:15], complete[5], *complete[16:]]

    assert sync().state == RunState.APPLIED
    # The server itself does not find this one any more, and says that nothing is there.
    assert [again(each).active for each in everybody].count(False) <= 1
    server.entries = complete
    sync()
    assert StoredEntry.objects.count() == 30


def test_one_that_says_another_thing_means_that_the_directory_changed_meanwhile(server: FakeDirectory) -> None:
    dn, attributes = server.entries[5]
    server.entries = [*server.entries, (dn, {**attributes, "sn": [b"Three"]})]
    serve(server)

    run = simulate()

    assert run.state == RunState.FAILED
    assert "changed while it was being read: uid=u5,dc=example came twice" in run.error


def test_the_order_of_its_values_makes_no_difference(server: FakeDirectory) -> None:
    dn, attributes = server.entries[5]
    server.entries = [
        *server.entries,
        (dn, {"sn": [b"Two", b"One"], "entryUUID": attributes["entryUUID"], "uid": attributes["uid"]}),
    ]
    serve(server)

    assert simulate().state == RunState.PLANNED
    assert simulate().state == RunState.PLANNED
    assert StoredEntry.objects.count() == 30


def test_many_that_come_twice_are_a_sign_that_others_may_be_missing(server: FakeDirectory) -> None:
    server.entries = [*server.entries, *server.entries[:9]]
    serve(server)

    run = simulate()

    assert run.state == RunState.FAILED
    assert "so that others may not have come at all" in run.error


@pytest.mark.parametrize("spelled", ["uid=u7,dc=example", "UID=U7, DC=Example", "uid = u7 , dc=example"])
def test_one_to_which_a_referral_leads_again_is_taken_once_in_every_run(server: FakeDirectory, spelled: str) -> None:
    [(_, attributes)] = [entry for entry in server.entries if entry[0].startswith("uid=u7,")]
    with FakeDirectory([(spelled, attributes), ("uid=far,dc=example", {"uid": [b"far"]})], filters=True) as other:
        server.references = [f"{other.url}/dc=example"]
        serve(server, follow_referrals=True)
        everybody = [user("u7"), user("u8"), user("far")]

        runs = [simulate(), sync(), sync()]

    for run in runs:
        assert run.state in {RunState.PLANNED, RunState.APPLIED}, run.error
        assert "1 entry came twice and counts once" in " ".join(run.warnings)
        assert not run.changes.exclude(outcome="applied").exclude(outcome="planned").exists()
    assert StoredEntry.objects.count() == 31
    assert all(again(each).active for each in everybody)


def test_one_that_is_new_and_comes_again_hides_nobody_who_has_left(server: FakeDirectory) -> None:
    server.entries = people(2)
    mia, leaver = user("u0"), user("u1")
    joiners = [(f"uid=j{n},dc=example", {"uid": [b"j%d" % n], "entryUUID": [b"j-%d" % n]}) for n in range(250)]
    with FakeDirectory([("uid=j3,dc=example", joiners[3][1])], filters=True) as other:
        serve(server, follow_referrals=True, page_size=100)
        simulate_and_sync()
        server.entries = [*people(1), *joiners]
        server.references = [f"{other.url}/dc=example"]

        run = sync()

    assert run.state == RunState.APPLIED, run.error
    assert (again(mia).active, again(leaver).active) == (True, False)
    assert not StoredEntry.objects.filter(dn__startswith="uid=u1,").exists()
