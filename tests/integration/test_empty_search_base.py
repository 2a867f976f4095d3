"""An empty search base, as a Global Catalog takes it: read, asked for absent people, or refused in the server's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from directory.ldap.absence.absence_check import AbsenceCheck
from directory.ldap.connection_test.connection_test import test_connection
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.reading.whole_reading import pages as read_pages
from directory.ldap.search.reading_request import ReadingRequest
from directory.ldap.search.referrals import trees_with_people
from directory.models import LdapServer, RunState
from directory.values.ldap import AttributeMapping, Connection, CursorKind, MissingUser
from directory.values.plan import Outcome
from tests.attacks.ldap_pages import applied, on_the_page
from tests.attacks.ldap_world import saved_by_page, tried
from tests.connections import connection_to
from tests.directories import Directory, people
from tests.makers import make_sysadmin, signed_in
from tests.worlds import change_of, ldap_server, simulate, user

BASE = "dc=example,dc=com"


class Catalog(Directory):
    """A slapd that takes an empty base for all it has, as a Global Catalog does."""

    def _write_configuration(self) -> None:
        super()._write_configuration()
        assert self._folder
        file = self._folder / "slapd.conf"
        file.write_text(file.read_text().replace("database mdb\n", f'defaultsearchbase "{BASE}"\ndatabase mdb\n', 1))


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    with Catalog(ldif=people(12)) as directory:
        yield directory


def connection(directory: Directory, **settings: Any) -> Connection:
    return connection_to(directory, **{"search_base": "", "page_size": 5} | settings)


def test_is_read_to_its_end(catalog: Catalog) -> None:
    with open_reading(ReadingRequest(connection(catalog), now=datetime.now(UTC))) as reading:
        list(reading)

    assert reading.proof
    assert (reading.entries, reading.proof.counted) == (12, 12)
    assert reading.extent.position
    assert reading.extent.position.by == CursorKind.TIME


def test_finds_what_has_changed_since(catalog: Catalog) -> None:
    now = datetime.now(UTC)
    with open_reading(ReadingRequest(connection(catalog), now=now)) as reading:
        list(reading)
    with open_reading(ReadingRequest(connection(catalog), since=reading.extent.position, now=now)) as changes:
        list(changes)

    assert changes.extent.since == reading.extent.position


def test_is_asked_for_whom_nobody_found(catalog: Catalog) -> None:
    with AbsenceCheck(connection(catalog), AttributeMapping()) as absence_check:
        found = absence_check.look_for([MissingUser(1, "u00003"), MissingUser(2, "nobody")])

    assert "found after all" in found[1].sentence
    assert found[2].absent
    assert found[2].sentence.startswith("nobody with the username nobody anywhere in the whole directory")


def test_stands_for_the_whole_directory_whatever_contexts_it_names() -> None:
    assert trees_with_people(["DC=corp,DC=example", "CN=Configuration,DC=corp,DC=example"], "") == [""]


def test_is_refused_in_its_own_words_by_a_server_that_has_no_such_base(company: Directory) -> None:
    with pytest.raises(DirectoryUnavailable, match="No such object"):
        list(read_pages(connection(company)))
    failed = [step for step in test_connection(connection(company)) if not step.ok]
    assert ["No such object" in step.detail for step in failed] == [True]
    assert "Enter a search base" in failed[0].detail


@pytest.mark.django_db
class TestASetting:
    def serve(self, directory: Directory) -> LdapServer:
        return ldap_server(
            directory.url, search_base="", bind_dn=directory.reader_dn, bind_password=directory.reader_password
        )

    def test_is_simulated_with_absent_people(self, catalog: Catalog) -> None:
        user("u00001")
        user("sean")
        self.serve(catalog)

        run = simulate()

        assert run.state == RunState.PLANNED, run.error
        assert change_of(run, "sean").outcome == Outcome.PLANNED

    def test_is_saved_and_tested_on_the_page(self, catalog: Catalog) -> None:
        server = self.serve(catalog)
        client: Client = signed_in(make_sysadmin())

        assert saved_by_page(client, server, {"search_base": "", "page_size": 7}).status_code == 302
        page = on_the_page(tried(client, server, {}))

        assert LdapServer.objects.get().search_base == ""
        assert "the whole directory is searched" in page
        assert "12 entries found" in page

    def test_has_to_be_of_the_whole_subtree(self, catalog: Catalog, tmp_path: Path) -> None:
        self.serve(catalog)

        code, output = applied(tmp_path / "a.json", json.dumps({"name": "Corp", "search_scope": "onelevel"}))

        assert code == 1
        assert "search_scope: without a search base the whole subtree is searched" in output
