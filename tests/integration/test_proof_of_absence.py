"""What makes a reading complete, and what a directory says when it is asked for those who were not found."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from directory.ldap.absence.absence_check import AbsenceCheck
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.reading.whole_reading import pages as read_pages
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.ldap import AbsenceCheckResult, AttributeMapping, Connection, MissingUser, ReadingProof
from tests.connections import connection_to, connection_to_fake
from tests.directories import ACCESS, Directory, people, to_ldif
from tests.fake_ldap import FakeDirectory
from tests.server_process import free_port

BASE = "dc=example,dc=com"
PEOPLE = [(f"uid=u{number},dc=example", {"uid": [b"u%d" % number]}) for number in range(30)]
UNIT = f"ou=People,{BASE}"
STAFF = f"ou=Staff,{BASE}"


def fake(server: FakeDirectory, **settings: Any) -> Connection:
    return connection_to_fake(server, **{"bind_dn": "cn=reader", "bind_password": "x"} | settings)


def proof_of(to: Connection) -> ReadingProof:
    with open_reading(ReadingRequest(to)) as reading:
        list(reading)
    assert reading.proof
    return reading.proof


def id_of(to: Connection, username: str) -> str:
    [[entry]] = read_pages(replace(to, search_filter=f"(uid={username})"))
    return entry.values("entryUUID")[0]


def results_of(to: Connection, *missing_users: MissingUser, **mapping: str) -> dict[int, AbsenceCheckResult]:
    with AbsenceCheck(to, AttributeMapping(**mapping)) as absence_check:
        return absence_check.look_for(missing_users)


@pytest.fixture(scope="module")
def firm() -> Iterator[Directory]:
    """Give a directory with somebody outside the search base, and somebody whom the filter does not match."""
    ldif = people(120) + to_ldif(STAFF, {"objectClass": "organizationalUnit", "ou": "Staff"})
    elsewhere = {"objectClass": "inetOrgPerson", "uid": "moved*(x)", "cn": "m", "sn": "m"}
    with Directory(ldif=ldif + to_ldif(f"cn=m,{STAFF}", elsewhere)) as directory:
        yield directory


class TestProof:
    def test_tells_what_was_read_and_by_whom(self, company: Directory) -> None:
        proof = proof_of(connection_to(company, page_size=100))

        assert (proof.url, proof.bound_as, proof.authorization) == (
            company.url,
            company.reader_dn,
            f"dn:{company.reader_dn}",
        )
        assert (proof.product, proof.encrypted, proof.failed_urls) == ("OpenLDAP", False, ())
        assert (proof.pages, proof.entries, proof.counted, proof.results) == (3, 250, 250, {"success": 3})
        assert (proof.paged, proof.controls_missing, proof.last_cookie_empty) == (True, 0, True)

    def test_names_the_urls_that_failed_before(self, company: Directory) -> None:
        dead = f"ldap://127.0.0.1:{free_port()}"

        proof = proof_of(connection_to(company, urls=(dead, company.url)))

        assert [(failed.url, failed.reason) for failed in proof.failed_urls] == [
            (dead, "Can't contact LDAP server (Connection refused)")
        ]

    def test_counts_one_page_once(self, company: Directory) -> None:
        assert proof_of(connection_to(company)).counted is None

    def test_says_when_there_was_no_paging(self) -> None:
        with FakeDirectory(PEOPLE, paging=False, root={"supportedControl": [b"1.2.3"]}) as server:
            proof = proof_of(fake(server))

        assert (proof.controls_missing, proof.pages, proof.entries, proof.counted) == (1, 1, 30, 30)

    def test_says_who_answers_where_the_server_does(self) -> None:
        with FakeDirectory(PEOPLE, whoami=None) as server:
            proof = proof_of(fake(server, bind_dn=""))

        assert (proof.bound_as, proof.authorization) == ("anonymous", "")

    def test_is_not_there_before_the_end(self, company: Directory) -> None:
        with open_reading(ReadingRequest(connection_to(company, page_size=100))) as reading:
            next(iter(reading))

        assert reading.proof is None

    def test_keeps_the_servers_estimate_and_checks_it(self) -> None:
        with FakeDirectory(PEOPLE[:5], estimate=90) as server:
            proof = proof_of(fake(server))

        assert (proof.entries, proof.estimate, proof.counted) == (5, 90, 5)


class TestDoubt:
    def test_of_many_entries_that_come_twice_ends_the_reading(self) -> None:
        with (
            FakeDirectory([*PEOPLE, *PEOPLE[3:9]]) as server,
            pytest.raises(DirectoryUnavailable, match=r"6 entries, uid=u\d,.* came twice"),
        ):
            proof_of(fake(server))

    @pytest.mark.parametrize("now", [PEOPLE[:15], [*PEOPLE, *((f"cn={n}", {}) for n in range(9))]])
    def test_of_a_directory_that_is_another_one_by_then_ends_the_reading(self, now: list[Any]) -> None:
        with (
            FakeDirectory(PEOPLE) as server,
            open_reading(ReadingRequest(fake(server, page_size=20))) as reading,
        ):
            pages = iter(reading)
            next(pages)
            next(pages)
            server.entries = [(f"{dn},dc=example" if "dc" not in dn else dn, values) for dn, values in now]

            with pytest.raises(DirectoryUnavailable, match="changed while it was being read: 30 entries came"):
                next(pages)

    def test_is_none_where_a_few_come_and_go(self) -> None:
        with (
            FakeDirectory(PEOPLE) as server,
            open_reading(ReadingRequest(fake(server, page_size=20))) as reading,
        ):
            pages = iter(reading)
            next(pages)
            next(pages)
            server.entries = PEOPLE[2:]

            assert list(pages) == []
        assert reading.complete


class TestAbsenceCheck:
    def search(self, firm: Directory) -> Connection:
        return connection_to(firm, search_base=UNIT, search_filter="(&(objectClass=inetOrgPerson)(!(uid=u00002)))")

    def test_finds_nobody_where_nobody_is(self, firm: Directory) -> None:
        found = results_of(self.search(firm), MissingUser(1, "ghost"), MissingUser(2, "late", (str(uuid.uuid4()),)))

        assert [one.absent for one in found.values()] == [True, True]
        assert found[1].sentence == f"nobody with the username ghost anywhere in {BASE}"
        assert found[2].sentence.startswith("nobody with the immutable id ")

    @pytest.mark.parametrize("by_id", [True, False])
    def test_finds_whom_the_filter_does_not_match(self, firm: Directory, by_id: bool) -> None:
        known = (id_of(connection_to(firm), "u00002"),) if by_id else ()

        found = results_of(self.search(firm), MissingUser(7, "u00002", known))

        dn = f"uid=u00002,{UNIT}"
        sentence = f"still in the directory at {dn}, but the filter does not match"
        assert found == {7: AbsenceCheckResult(absent=True, sentence=sentence, dns=(dn,))}

    def test_finds_who_has_moved_out_of_the_base(self, firm: Directory) -> None:
        found = results_of(self.search(firm), MissingUser(7, "MOVED*(X)"))

        assert found[7].absent
        assert found[7].sentence == f"moved out of the search base to cn=m,{STAFF}"

    def test_finds_who_is_there_after_all(self, firm: Directory) -> None:
        found = results_of(self.search(firm), MissingUser(7, "gone", (id_of(connection_to(firm), "u00009"),)))

        assert not found[7].absent
        assert found[7].sentence.startswith(f"found after all at uid=u00009,{UNIT}")

    def test_finds_by_name_who_is_there_under_another_id(self, firm: Directory) -> None:
        found = results_of(self.search(firm), MissingUser(7, "u00009", (str(uuid.uuid4()),)))

        assert not found[7].absent

    def test_asks_for_many_in_a_few_searches(self, firm: Directory) -> None:
        missing_users = [MissingUser(number, f"u{number:05}") for number in range(1, 121)]

        found = results_of(self.search(firm), *missing_users)

        assert sorted(found) == list(range(1, 121))
        assert [pk for pk, one in found.items() if one.absent] == [2]

    def test_takes_nobody_for_another(self, firm: Directory) -> None:
        found = results_of(
            self.search(firm), MissingUser(1, "*"), MissingUser(2, "u00001)(uid=*"), MissingUser(3, "u00001\\")
        )

        assert [(one.absent, one.dns) for one in found.values()] == [(True, ())] * 3

    @pytest.mark.parametrize("name", ["objectGUID", ""])
    def test_knows_binary_ids(self, domain: Directory, name: str) -> None:
        guid = str(uuid.uuid5(uuid.NAMESPACE_DNS, "jdoe"))
        to = connection_to(domain, search_filter="(sAMAccountName=nobody)")

        found = results_of(to, MissingUser(1, "x", (guid,)), username="sAMAccountName", unique_id=name)

        assert "Jane (HR)" in found[1].sentence
        assert found[1].absent

    def test_knows_security_identifiers(self, domain: Directory) -> None:
        sid = "S-1-5-21-1004336348-1177238915-682003330-1000"
        to = connection_to(domain, search_filter="(sAMAccountName=nobody)")

        found = results_of(
            to, MissingUser(1, "x", (f"objectsid: {sid}",)), username="sAMAccountName", unique_id="objectSid"
        )

        assert len(found[1].dns) == 1

    def test_of_a_dead_server_confirms_nothing_and_asks_once(self) -> None:
        with FakeDirectory(bind_result=(51, "")) as server:
            found = results_of(fake(server), *(MissingUser(number, f"u{number}") for number in range(200)))

        assert not any(one.absent for one in found.values())
        assert found[199].sentence == "a second search could not confirm the absence: Server is busy"
        assert server.requests == ["bind"]

    def test_that_breaks_off_leaves_the_rest_unconfirmed(self) -> None:
        with FakeDirectory(search_result=(53, "no more")) as server:
            found = results_of(fake(server), MissingUser(1, "u1"), MissingUser(2, "u2"))

        assert [one.absent for one in found.values()] == [False, False]
        assert "no more" in found[1].sentence

    def test_that_may_see_no_more_than_the_base_is_content_with_that(self) -> None:
        rules = (f'to dn.subtree="{UNIT}" by * read', 'to dn.base="" by * read', "to * by * none")
        with Directory(ldif=people(3)) as directory:
            directory.allow(ACCESS[0], *rules)
            found = results_of(
                connection_to(directory, search_base=UNIT), MissingUser(1, "ghost"), MissingUser(2, "u00002")
            )

        assert [found[1].absent, found[2].absent] == [True, False]

    def test_without_a_root_dse_asks_from_the_top_of_the_base(self) -> None:
        with FakeDirectory([("uid=u1,dc=com", {"uid": [b"u1"]})], root=None, base="ou=a,dc=example,dc=com") as server:
            found = results_of(fake(server), MissingUser(1, "u1"))

        assert found[1].sentence == "nobody with the username u1 anywhere in dc=example,dc=com"

    def test_does_not_take_an_entry_that_can_not_be_read_for_nobody(self) -> None:
        with FakeDirectory([("uid=u1,dc=example", {"cn": [b"x"]})]) as server:
            found = results_of(fake(server), MissingUser(1, "u1"))

        assert not found[1].absent
        assert "who uid=u1,dc=example is can't be read" in found[1].sentence


class TestAUsernameThatOnlyTheDirectoryTakesForTheSame:
    """Active Directory takes Renée for renee; slapd compares telephone numbers without blanks and hyphens."""

    @pytest.fixture
    def exchange(self) -> Iterator[Directory]:
        person = {"objectClass": "inetOrgPerson", "cn": "x", "sn": "x"}
        ldif = "".join(
            to_ldif(f"cn={number},{BASE}", {**person, "telephoneNumber": number}) for number in ("12 345", "99 999")
        )
        with Directory(ldif=ldif) as directory:
            yield directory

    def test_is_a_conflict_for_those_whom_it_is_about_alone(self, exchange: Directory) -> None:
        ghost = MissingUser(3, "77777", (str(uuid.uuid4()),))
        found = results_of(
            connection_to(exchange), MissingUser(1, "12345"), MissingUser(2, "55555"), ghost, username="telephoneNumber"
        )

        assert [(one.absent, one.conflict) for one in found.values()] == [(False, True), (True, False), (True, False)]
        assert "takes cn=12 345,dc=example,dc=com for the username 12345" in found[1].sentence

    def test_is_none_where_the_entry_is_known_to_be_another_persons(self, exchange: Directory) -> None:
        missing_users = MissingUser(1, "12345", (str(uuid.uuid4()),), namesakes=(f"cn=12 345,{BASE}",))

        found = results_of(connection_to(exchange), missing_users, username="telephoneNumber")

        assert (found[1].absent, found[1].conflict) == (True, False)

    @pytest.mark.parametrize(
        "spelling",
        [
            "cn=12 345,dc=example,dc=com",
            "CN=12 345,DC=Example,DC=COM",
            " cn = 12  345 , dc = example , dc = com ",
            "cn=12\\20345,dc=ex\\61mple,dc=com",
            "commonName=12 345,0.9.2342.19200300.100.1.25=example,dc=com",
        ],
    )
    @pytest.mark.parametrize("username", ["12345", "12 345"])
    def test_is_none_however_the_dn_of_that_person_is_spelled(
        self, exchange: Directory, username: str, spelling: str
    ) -> None:
        missing_users = MissingUser(1, username, (str(uuid.uuid4()),), namesakes=(spelling,))

        found = results_of(connection_to(exchange), missing_users, username="telephoneNumber")

        assert (found[1].absent, found[1].conflict) == (True, False)

    @pytest.mark.parametrize("other", ["cn=12345", "cn=12 3456", "sn=12 345", "cn=12\\2c345", "cn=12 345,dc=example"])
    def test_keeps_the_user_where_that_person_has_only_a_similar_dn(self, exchange: Directory, other: str) -> None:
        """The entry could be the user's own: it is not the other person's."""
        alike = MissingUser(1, "12345", (str(uuid.uuid4()),), namesakes=(f"{other},{BASE}",))
        exact = MissingUser(2, "99 999", (str(uuid.uuid4()),), namesakes=(f"{other},{BASE}",))

        found = results_of(connection_to(exchange), alike, exact, username="telephoneNumber")

        assert [(found[pk].absent, found[pk].conflict) for pk in (1, 2)] == [(False, True), (False, False)]

    @pytest.mark.parametrize("spelling", ["cn=12 345,dc=example,dc=com", "CN=12\\20345, DC=Example, DC=com"])
    def test_keeps_the_user_whose_own_id_that_entry_has_by_now(self, exchange: Directory, spelling: str) -> None:
        to = connection_to(exchange)
        [own_id] = [
            entry.values("entryUUID")[0] for [entry] in read_pages(replace(to, search_filter="(telephoneNumber=12345)"))
        ]
        missing_users = MissingUser(1, "12345", (own_id,), namesakes=(spelling,))

        found = results_of(to, missing_users, username="telephoneNumber")

        assert not found[1].absent
        assert "found after all at cn=12 345,dc=example,dc=com" in found[1].sentence
