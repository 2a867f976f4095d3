"""Entries of class alias: counted in a warning, and dereferenced where the server is set so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.reading.whole_reading import pages as read_pages
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.ldap import Connection, SyncCursor
from directory.values.plan import Outcome
from tests.connections import connection_to
from tests.directories import Directory, people, to_ldif
from tests.fake_ldap import FakeDirectory
from tests.worlds import change_of, ldap_server, simulate, user

BASE = "dc=example,dc=com"
PEOPLE, ELSEWHERE = f"ou=People,{BASE}", f"ou=Elsewhere,{BASE}"


def alias(name: str, target: str) -> str:
    """Return an alias among the people."""
    kind, value = name.split("=")
    entry = {"objectClass": ["alias", "extensibleObject"], kind: value, "aliasedObjectName": target}
    return to_ldif(f"{name},{PEOPLE}", entry)


@pytest.fixture(scope="module")
def company() -> Iterator[Directory]:
    """Give twelve people, one more elsewhere, and aliases: of somebody here, of that one, and of nobody."""
    far = {"objectClass": "inetOrgPerson", "uid": "far", "cn": "far", "sn": "far", "givenName": "f"}
    ldif = people(12) + to_ldif(ELSEWHERE, {"objectClass": "organizationalUnit", "ou": "Elsewhere"})
    ldif += to_ldif(f"uid=far,{ELSEWHERE}", far)
    ldif += alias("uid=boss", f"uid=u00001,{PEOPLE}") + alias("uid=guest", f"uid=far,{ELSEWHERE}")
    ldif += alias("ou=Tree", ELSEWHERE) + alias("uid=nobody", f"uid=gone,{PEOPLE}")
    with Directory(ldif=ldif) as directory:
        yield directory


def connection(directory: Directory, **settings: Any) -> Connection:
    return connection_to(directory, **{"search_base": PEOPLE, "page_size": 5} | settings)


def names(connection: Connection) -> list[str]:
    return [entry.values("uid")[0] for page in read_pages(connection) for entry in page]


def test_are_left_out_and_counted_by_default(company: Directory) -> None:
    with open_reading(ReadingRequest(connection(company))) as reading:
        count, aliases = sum(map(len, reading)), reading.count_aliases()

    assert (count, reading.complete, aliases) == (12, True, 4)


def test_lead_to_each_person_once_whatever_the_page_size(company: Directory) -> None:
    for page_size in (1, 4, 1000):
        found = names(connection(company, dereference_aliases=True, page_size=page_size))

        assert sorted(found) == ["far", *(f"u{number:05}" for number in range(1, 13))]


def test_that_are_dereferenced_are_counted_again_and_nothing_to_warn_of(company: Directory) -> None:
    with open_reading(ReadingRequest(connection(company, dereference_aliases=True))) as reading:
        list(reading)
        aliases = reading.count_aliases()

    assert reading.proof
    assert (reading.proof.counted, aliases) == (13, 0)


def test_that_are_dereferenced_make_each_reading_a_full_one(company: Directory) -> None:
    now = datetime.now(UTC)
    with open_reading(ReadingRequest(connection(company), now=now)) as reading:
        position = reading.extent.position
    assert isinstance(position, SyncCursor)

    with open_reading(
        ReadingRequest(connection(company, dereference_aliases=True), since=position, now=now)
    ) as reading:
        list(reading)

    assert (reading.extent.since, reading.extent.why_full) == (None, "aliases are dereferenced")


def test_may_bring_many_people_twice_from_a_server_that_sends_them_for_each_alias() -> None:
    entries = [(f"uid=u{number},dc=example", {"uid": [b"u%d" % number]}) for number in (*range(30), *range(20))]
    with FakeDirectory(entries) as server:
        plain = Connection(name="Fake", urls=(server.url,), search_base=server.base, page_size=10)
        with pytest.raises(DirectoryUnavailable, match="came twice"):
            list(read_pages(plain))
        with open_reading(ReadingRequest(replace(plain, dereference_aliases=True))) as reading:
            count = sum(map(len, reading))

    assert reading.proof
    assert (count, reading.proof.counted) == (50, 50)


@pytest.mark.django_db
class TestARun:
    def serve(self, directory: Directory, **settings: object) -> None:
        values = {"bind_dn": directory.reader_dn, "bind_password": directory.reader_password, "search_base": PEOPLE}
        ldap_server(directory.url, **values | settings)

    def test_counts_the_aliases_in_a_warning(self, company: Directory) -> None:
        user("u00001")
        self.serve(company)

        run = simulate()

        [warning] = [text for text in run.warnings if "alias" in text]
        assert warning.startswith("Corp: 4 entries are aliases: whom they point to is not read for that")

    def test_finds_by_an_alias_who_is_outside_of_the_search_base(self, company: Directory) -> None:
        user("far")
        user("u00001")
        self.serve(company, dereference_aliases=True)

        run = simulate()

        assert [text for text in run.warnings if "alias" in text] == []
        assert {change_of(run, name).outcome for name in ("far", "u00001")} <= {Outcome.PLANNED, Outcome.UNCHANGED}
        assert run.counts["deactivated"] == 0

    def test_without_dereferencing_takes_that_one_for_moved_away(self, company: Directory) -> None:
        user("far")
        self.serve(company)

        run = simulate()

        assert "moved out of the search base" in str(change_of(run, "far").steps)
