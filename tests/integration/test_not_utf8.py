"""DNs and values that are not UTF-8: they are kept and named, found again, and stop nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory.ldap.reading.single_entries import read_single
from directory.ldap.reading.whole_reading import pages as read_pages
from directory.ldap.search.reading_request import ReadingRequest
from directory.models import LdapServer, Match, RunState, StoredEntry
from directory.values import distinguished_names
from tests.fake_ldap import Attributes, FakeDirectory
from tests.worlds import again, change_of, ldap_server, simulate, simulate_and_sync, sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# Latin-1, as an octet that is no UTF-8 goes through Python's text.
RENEE, ESCAPED = "uid=Ren\udce9e,dc=example", "uid=Ren\\E9e,dc=example"


def person(uid: str, dn: str = "", /, **values: bytes) -> tuple[str, Attributes]:
    attributes = {"uid": [uid.encode()], "entryUUID": [f"id-{uid}".encode()], "sn": [b"S"]}
    return dn or f"uid={uid},dc=example", attributes | {name: [value] for name, value in values.items()}


@pytest.fixture
def server() -> Iterator[FakeDirectory]:
    with FakeDirectory([person("mia"), person("renee", RENEE)], filters=True, missing_bases=True) as server:
        yield server


def serve(server: FakeDirectory) -> LdapServer:
    settings = {"search_filter": "(uid=*)", "bind_dn": "cn=reader", "bind_password": "x", "search_base": server.base}
    return ldap_server(server.url, limit_entries_percent=1, **settings)


def test_a_dn_is_kept_with_escaped_octets_and_named_in_every_run(server: FakeDirectory) -> None:
    serve(server)
    people = [user("mia"), user("renee")]

    runs = [simulate(), sync(), sync()]

    for run in runs:
        assert run.state in {RunState.PLANNED, RunState.APPLIED}, run.error
        assert f"1 entry has a DN that is not UTF-8, written with escaped octets here: {ESCAPED}." in " ".join(
            run.warnings
        )
    assert Match.objects.get(user=people[1]).dn == ESCAPED
    assert StoredEntry.objects.filter(dn=ESCAPED).count() == 1


def test_its_entry_is_found_again_by_the_escaped_dn(server: FakeDirectory) -> None:
    connection = serve(server).connection

    [[sent]] = read_single(ReadingRequest(connection), [ESCAPED])

    assert sent.dn == ESCAPED
    assert [entry.dn for page in read_pages(connection) for entry in page] == ["uid=mia,dc=example", ESCAPED]


def test_whose_names_are_hidden_there_is_not_gone(server: FakeDirectory) -> None:
    serve(server)
    renee = user("renee")
    user("mia")
    simulate_and_sync()
    server.entries = [person("mia"), (RENEE, {"sn": [b"S"]})]

    run = sync()

    assert again(renee).active
    assert change_of(run, "renee").outcome == "not checked"
    assert ESCAPED in change_of(run, "renee").steps[-1]


def test_who_is_gone_from_there_is_gone(server: FakeDirectory) -> None:
    serve(server)
    renee = user("renee")
    user("mia")
    simulate_and_sync()
    server.entries = [person("mia")]

    sync()

    assert not again(renee).active


def test_a_dn_with_a_nul_can_be_stored(server: FakeDirectory) -> None:
    server.entries = [person("mia"), person("odd", "uid=o\0d,dc=example")]
    serve(server)

    assert simulate().state == RunState.PLANNED
    assert StoredEntry.objects.filter(dn="uid=o\\00d,dc=example").exists()


@pytest.mark.parametrize("name", ["sn", "mail", "givenName"])
def test_a_name_or_address_is_named_in_every_run_and_counts_as_missing(server: FakeDirectory, name: str) -> None:
    server.entries = [person("mia", "", **{name: b"M\xfcller"})]
    serve(server)
    user("mia")

    for run in (simulate(), sync(), sync()):
        assert "1 entry has a username, a name or an email address that is not UTF-8" in " ".join(run.warnings)
        assert "uid=mia,dc=example" in " ".join(run.warnings)


def test_a_username_that_is_none_cuts_nobody_off(server: FakeDirectory) -> None:
    serve(server)
    people = [user("mia"), user("renee")]
    simulate_and_sync()
    server.entries = [person("mia"), ("uid=renee,dc=example", {"uid": [b"Ren\xe9e"], "sn": [b"S"]})]

    sync()

    assert [again(each).active for each in people] == [True, True]


def test_an_attributes_name_stops_nothing(server: FakeDirectory) -> None:
    dn, attributes = person("mia")
    server.entries = [(dn, {**attributes, "na\udce9ve": [b"x"]})]
    serve(server)

    assert simulate().state == RunState.PLANNED


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"uid=a,dc=b", "uid=a,dc=b"),
        ("cn=Renée".encode(), "cn=Renée"),
        (b"cn=Ren\xe9e", "cn=Ren\\E9e"),
        (b"cn=\xff\xfe", "cn=\\FF\\FE"),
        (b"cn=a\\\xe9", "cn=a\\E9"),
        (b"cn=a\\\\\xe9", "cn=a\\\\\\E9"),
        (b"cn=a\0b", "cn=a\\00b"),
    ],
)
def test_a_dn_as_text_is_the_same_dn(octets: bytes, text: str) -> None:
    assert distinguished_names.text_of(octets) == text
    assert distinguished_names.texts_of([b"uid=x", octets]) == (
        ["uid=x", text],
        [] if text.encode() == octets else [text],
    )
    assert "\0" not in text
    assert text.encode()
