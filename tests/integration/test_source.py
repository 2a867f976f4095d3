from __future__ import annotations

import base64
import logging
import pickle
import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from directory.ldap.connection_test.connection_test import first_entries, test_connection
from directory.ldap.entry_identity import identity
from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.reading.whole_reading import pages as read_pages
from directory.ldap.search.reading_request import ReadingRequest
from directory.ldap.validation.filter_syntax import check_filter
from directory.values.ldap import AttributeMapping, Connection, Entry
from tests.connections import connection_to, connection_to_fake
from tests.directories import Authority, Directory, Values, people, to_ldif
from tests.fake_ldap import FakeDirectory
from tests.server_process import free_port

PEOPLE = [(f"uid=u{number},dc=example", {"uid": [b"u%d" % number]}) for number in range(30)]


def fake(server: FakeDirectory, **settings: Any) -> Connection:
    quick = {"connect_timeout": 1, "operation_timeout": 1}
    return connection_to_fake(server, **{"bind_dn": "cn=reader", "bind_password": "geheim-4711", **quick} | settings)


def read(to: Connection) -> list[Entry]:
    return [entry for page in read_pages(to) for entry in page]


def failure(to: Connection) -> DirectoryUnavailable:
    with pytest.raises(DirectoryUnavailable) as caught:
        read(to)
    return caught.value


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


class TestPages:
    @pytest.mark.parametrize("size", [1000, 250, 100, 7])
    def test_hold_every_person_once_whatever_the_page_size(self, company: Directory, size: int) -> None:
        pages = list(read_pages(connection_to(company, page_size=size)))

        names = [entry.values("uid")[0] for page in pages for entry in page]
        assert sorted(names) == [f"u{number:05}" for number in range(1, 251)]
        assert max(map(len, pages)) <= size

    def test_are_read_anonymously_without_a_bind_dn(self, company: Directory) -> None:
        entries = read(connection_to(company, bind_dn="", bind_password="never sent"))

        assert len(entries) == 250

    def test_hold_text_attributes_as_the_server_spells_them(self, company: Directory) -> None:
        [entry] = read(connection_to(company, search_filter="(uid=u00001)"))

        assert entry.dn == f"uid=u00001,ou=People,{company.base}"
        assert entry.attributes["givenName"] == ("Chloé",)
        assert str(uuid.UUID(entry.values("ENTRYUUID")[0])) == entry.values("entryUUID")[0]

    def test_hold_only_the_attributes_that_are_asked_for(self, company: Directory) -> None:
        [[entry]] = read_pages(connection_to(company, search_filter="(uid=u00001)"), attributes=["mail"])

        assert dict(entry.attributes) == {"mail": ("u00001@example.com",)}

    def test_keep_to_the_scope(self, company: Directory) -> None:
        assert len(read(connection_to(company, search_scope="onelevel"))) == 0
        assert len(read(connection_to(company, search_scope="base", search_filter="(objectClass=*)"))) == 1

    def test_end_normally_where_the_filter_finds_nobody(self, company: Directory) -> None:
        assert read(connection_to(company, search_filter="(uid=nobody)")) == []

    def test_hold_the_groups_of_the_memberof_overlay(self, university: Directory) -> None:
        entries = read(connection_to(university, search_filter="(objectClass=inetOrgPerson)"))

        groups = {group for entry in entries for group in entry.values("memberOf")}
        assert len(entries) == 300
        assert f"cn=Staff\\2C Faculty,ou=Groups,{university.base}".lower() in {
            group.lower().replace(r"\,", r"\2c") for group in groups
        }

    def test_hold_guids_and_sids_in_their_usual_form(self, domain: Directory) -> None:
        to = connection_to(domain, search_filter="(sAMAccountName=jdoe)")

        [jane] = read(to)

        assert jane.values("objectGUID") == (str(uuid.uuid5(uuid.NAMESPACE_DNS, "jdoe")),)
        assert jane.values("objectSid") == ("S-1-5-21-1004336348-1177238915-682003330-1000",)
        assert jane.values("memberOf")[0].startswith(r"CN=Help Desk\, Berlin,")
        assert base64.b64decode(jane.values("thumbnailPhoto")[0]).startswith(b"\xff\xd8")

    def test_leave_out_computers_where_the_filter_says_so(self, domain: Directory) -> None:
        users = "(&(objectClass=user)(!(objectClass=computer))(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"

        found = [
            identity(entry, AttributeMapping("sAMAccountName"))
            for entry in read(connection_to(domain, search_filter=users))
        ]

        assert len(found) == 55
        assert not any(name.endswith("$") for person in found for name in person.usernames)
        assert len({person.unique_id for person in found}) == 55

    def test_hold_what_is_no_text_as_base64(self) -> None:
        odd: dict[str, Values] = {
            "objectClass": "inetOrgPerson",
            "cn": "Odd",
            "sn": "Odd",
            "jpegPhoto": b"\xff\xd8\xff\x00",
            "description": ["plain", "two\nlines"],
        }
        ldif = to_ldif("cn=Odd,dc=example,dc=com", odd)

        with Directory(ldif=ldif) as directory:
            [entry] = read(connection_to(directory, search_filter="(cn=Odd)"))

        assert entry.values("jpegPhoto") == (base64.b64encode(b"\xff\xd8\xff\x00").decode(),)
        assert entry.values("description") == ("plain", "two\nlines")

    def test_hold_no_password_hashes(self, company: Directory) -> None:
        to = connection_to(
            company,
            bind_dn=company.admin_dn,
            bind_password=company.admin_password,
            search_filter="(objectClass=simpleSecurityObject)",
        )

        [entry] = read(to)

        assert entry.values("userPassword") == ()


class TestReading:
    def test_tells_what_was_read(self, company: Directory) -> None:
        with open_reading(ReadingRequest(connection_to(company, page_size=100))) as reading:
            count = sum(map(len, reading))

        assert (reading.entries, reading.pages_read, reading.complete) == (count, 3, True)
        assert reading.url == company.url

    def test_is_not_complete_before_its_end(self, company: Directory) -> None:
        with open_reading(ReadingRequest(connection_to(company, page_size=100))) as reading:
            next(iter(reading))

        assert not reading.complete

    def test_happens_once(self, company: Directory) -> None:
        with open_reading(ReadingRequest(connection_to(company))) as reading:
            list(reading)

            with pytest.raises(RuntimeError):
                list(reading)


class TestRefusal:
    def test_of_a_wrong_password_is_in_the_servers_words(self, company: Directory) -> None:
        refused = failure(connection_to(company, bind_password="wrong"))

        assert (refused.stage, refused.problem) == (Stage.BIND, "Invalid credentials")
        assert str(refused) == "Invalid credentials. Enter the bind DN as the directory has it, and its password again"

    def test_of_a_wrong_password_is_not_tried_at_the_next_url(self) -> None:
        with FakeDirectory(bind_result=(49, "80090308: data 52e\0")) as first, FakeDirectory() as second:
            refused = failure(fake(first, urls=(first.url, second.url)))

        assert refused.problem == "Invalid credentials: 80090308: data 52e"
        assert second.received == b""

    def test_of_anonymous_access_is_one(self, domain: Directory) -> None:
        refused = failure(connection_to(domain, bind_dn=""))

        assert refused.stage == Stage.BIND

    def test_names_the_part_of_a_wrong_base_that_exists(self, company: Directory) -> None:
        refused = failure(connection_to(company, search_base=f"ou=Gone,{company.base}"))

        assert (refused.stage, refused.problem) == (Stage.BASE, f"No such object: matched {company.base}")

    def test_of_a_base_that_is_no_dn_is_one(self, company: Directory) -> None:
        refused = failure(connection_to(company, search_base="nonsense"))

        assert (refused.stage, refused.server_message) == (Stage.BASE, "invalid DN")

    def test_of_a_filter_names_the_position(self, company: Directory) -> None:
        refused = failure(connection_to(company, search_filter="(&(uid=x)"))

        assert refused.stage == Stage.FILTER
        assert "Position 10" in str(refused)

    def test_survives_pickling_as_tasks_do(self, company: Directory) -> None:
        refused = failure(connection_to(company, bind_password="wrong"))

        copy = pickle.loads(pickle.dumps(refused))

        assert (str(copy), copy.problem) == (str(refused), "Invalid credentials")
        assert (copy.stage, copy.result_code) == (Stage.BIND, 49)

    @pytest.mark.parametrize("password", ["", " ", "\t\n"])
    def test_of_an_empty_password_comes_before_any_packet(self, password: str) -> None:
        with FakeDirectory() as server:
            refused = failure(fake(server, bind_password=password))

        assert refused.stage == Stage.BIND
        assert server.received == b""

    def test_of_two_urls_in_one_comes_before_any_packet(self) -> None:
        with FakeDirectory() as server:
            refused = failure(fake(server, urls=(f"{server.url} {server.url}",)))

        assert refused.stage == Stage.NAME
        assert server.received == b""

    @pytest.mark.parametrize("setting", ["bind_dn", "bind_password", "search_base", "search_filter"])
    @pytest.mark.parametrize("sign", ["\0", "\udc80"])
    def test_of_what_ldap_cannot_carry_is_no_bug(self, setting: str, sign: str) -> None:
        with FakeDirectory() as server:
            refused = failure(fake(server, **{setting: f"a{sign}"}))

        assert str(refused)
        assert server.received == b""

    def test_never_repeats_the_bind_password(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with FakeDirectory(bind_result=(49, "you said geheim-4711?")) as server:
            refused = failure(fake(server))

        everything = f"{refused!r} {refused} {refused.server_message} {refused.__cause__} {caplog.text}"
        assert "geheim-4711" not in everything
        assert refused.problem == "Invalid credentials: you said ***?"

    def test_of_a_bind_that_the_server_took_as_anonymous_is_one(self) -> None:
        with FakeDirectory(whoami="") as server:
            refused = failure(fake(server))

        assert refused.stage == Stage.BIND
        assert "anonymous" in str(refused)

    def test_does_not_befall_servers_that_know_no_whoami(self) -> None:
        with FakeDirectory(PEOPLE, whoami=None) as server:
            assert len(read(fake(server))) == 30


class TestLimits:
    def test_a_size_limit_is_never_the_end(self) -> None:
        with Directory(ldif=people(120), limits="size=50 size.prtotal=unlimited size.pr=noEstimate") as directory:
            assert len(read(connection_to(directory, page_size=20))) == 120

    def test_a_total_limit_stops_the_reading(self) -> None:
        with Directory(ldif=people(120), limits="size.prtotal=50") as directory:
            refused = failure(connection_to(directory, page_size=20))

        assert str(refused).startswith("Size limit exceeded after")
        assert refused.result_code == 4

    def test_a_page_over_the_servers_maximum_is_asked_for_smaller(self) -> None:
        with Directory(ldif=people(120), limits="size.pr=30 size.prtotal=unlimited") as directory:
            assert len(read(connection_to(directory, page_size=1000))) == 120

    def test_a_page_that_is_always_too_large_is_an_error(self) -> None:
        with FakeDirectory(PEOPLE, largest_page=3) as server:
            refused = failure(fake(server, page_size=1000))

        assert "page too large" in str(refused)
        assert server.page_sizes[-1] == 10

    @pytest.mark.parametrize("code", [1, 3, 4, 11, 12, 50, 51, 52, 53, 80])
    def test_no_result_but_success_is_the_end(self, code: int) -> None:
        with FakeDirectory(PEOPLE, search_result=(code, "in the server's words")) as server:
            refused = failure(fake(server))

        assert refused.result_code == code
        assert "in the server's words" in str(refused)

    def test_a_server_without_paging_is_read_at_once(self) -> None:
        with (
            FakeDirectory(PEOPLE, paging=False, root={"supportedControl": [b"1.2.3"]}) as server,
            open_reading(ReadingRequest(fake(server))) as reading,
        ):
            count = sum(map(len, reading))

        assert (count, reading.pages_read, reading.complete, server.page_sizes) == (30, 1, True, [])

    def test_a_server_that_says_nothing_of_itself_is_offered_paging(self) -> None:
        with FakeDirectory(PEOPLE, root=None) as server, FakeDirectory(PEOPLE, root=None, paging=False) as other:
            assert len(read(fake(server))) == 30
            assert len(read(fake(other))) == 30
            assert server.page_sizes == [10, 10, 10] * 2

    @pytest.mark.parametrize("pages", [0, 1, 2])
    def test_a_paging_control_left_out_is_no_proof_of_the_end(self, pages: int) -> None:
        with FakeDirectory(PEOPLE, control_pages=pages) as server:
            refused = failure(fake(server))

        assert "paging control" in str(refused)

    def test_cookies_that_lead_nowhere_end(self) -> None:
        with FakeDirectory(PEOPLE, endless_cookie=True) as server:
            refused = failure(fake(server))

        assert "empty pages" in str(refused)


class TestEncryption:
    def test_by_ldaps_with_the_servers_authority(self, company: Directory) -> None:
        assert len(read(connection_to(company, urls=(company.ldaps_url,)))) == 250

    def test_by_start_tls_with_the_servers_authority(self, company: Directory) -> None:
        assert len(read(connection_to(company, start_tls=True))) == 250

    def test_with_a_large_answer(self, company: Directory) -> None:
        to = connection_to(company, urls=(company.ldaps_url,), page_size=13)

        assert len(read(to)) == 250

    @pytest.mark.parametrize("start_tls", [False, True])
    @pytest.mark.parametrize("certificate", ["expired", "wrong host", "self-signed"])
    def test_refuses_a_bad_certificate(self, certificate: Any, start_tls: bool) -> None:
        reason = {"expired": "expired", "wrong host": "not valid for", "self-signed": "self-signed"}[certificate]
        with Directory(certificate=certificate) as directory:
            urls = (directory.url if start_tls else directory.ldaps_url,)
            refused = failure(connection_to(directory, urls=urls, start_tls=start_tls))

        assert refused.stage == Stage.TLS
        assert reason in str(refused)

    @pytest.mark.parametrize("authority", ["", Authority("Another").pem])
    def test_refuses_an_unknown_authority(self, company: Directory, authority: str) -> None:
        refused = failure(connection_to(company, urls=(company.ldaps_url,), ca_certificate=authority))

        assert refused.stage == Stage.TLS

    def test_refuses_a_ca_certificate_that_is_none(self, company: Directory) -> None:
        refused = failure(connection_to(company, urls=(company.ldaps_url,), ca_certificate="nonsense"))

        assert refused.stage == Stage.TLS
        assert "CA certificate" in str(refused)

    def test_takes_any_certificate_where_checks_are_off(self) -> None:
        with Directory(ldif=people(3), certificate="expired") as directory:
            to = connection_to(directory, urls=(directory.ldaps_url,), verify_certificates=False)

            assert len(read(to)) == 3

    def test_settings_of_one_server_do_not_reach_another(self, company: Directory) -> None:
        unchecked = connection_to(company, urls=(company.ldaps_url,), ca_certificate="", verify_certificates=False)
        read(unchecked)

        refused = failure(replace(unchecked, verify_certificates=True))

        assert refused.stage == Stage.TLS

    @pytest.mark.parametrize("code", [1, 2, 52])
    def test_that_is_refused_never_sends_the_password_in_clear(self, code: int) -> None:
        with FakeDirectory(PEOPLE, start_tls_result=(code, "no TLS here")) as server:
            refused = failure(fake(server, start_tls=True))

        assert (refused.stage, refused.server_message) == (Stage.TLS, "no TLS here")
        assert server.requests == ["StartTLS"]
        assert b"geheim" not in server.received

    def test_that_is_cut_off_never_sends_the_password_in_clear(self) -> None:
        with FakeDirectory(start_tls_result=(0, ""), silent_after_start_tls=True) as server:
            refused = failure(fake(server, start_tls=True))

        assert refused.stage == Stage.TLS
        assert b"geheim" not in server.received

    def test_to_a_plain_port_sends_no_password(self) -> None:
        with FakeDirectory() as server:
            refused = failure(fake(server, urls=(server.ldaps_url,)))

        assert refused.stage == Stage.TLS
        assert b"geheim" not in server.received


class TestFailover:
    def test_goes_on_to_the_url_that_answers(self, company: Directory) -> None:
        dead = f"ldap://127.0.0.1:{free_port()}"

        with open_reading(ReadingRequest(connection_to(company, urls=(dead, company.url)))) as reading:
            count = sum(map(len, reading))

        assert (reading.url, count) == (company.url, 250)

    def test_goes_on_from_a_bad_certificate(self, company: Directory) -> None:
        with Directory(certificate="expired") as expired:
            assert len(read(connection_to(company, urls=(expired.ldaps_url, company.ldaps_url)))) == 250

    def test_names_every_url_when_none_answers(self) -> None:
        urls = tuple(f"ldap://127.0.0.1:{free_port()}" for _ in range(2))

        refused = failure(Connection(name="Dead", urls=urls, search_base="dc=example"))

        assert refused.stage == Stage.CONNECT
        assert all(f"{url}: Can't contact LDAP server (Connection refused)" in str(refused) for url in urls)

    def test_goes_on_from_a_server_that_does_not_answer_the_bind(self, silent_port: int) -> None:
        with FakeDirectory(PEOPLE) as server:
            to = fake(server, urls=(f"ldap://127.0.0.1:{silent_port}", server.url))

            assert len(read(to)) == 30


class TestSilence:
    @pytest.mark.parametrize(("scheme", "start_tls"), [("ldap", False), ("ldap", True), ("ldaps", False)])
    def test_of_a_listener_ends_in_a_time_out(self, silent_port: int, scheme: str, start_tls: bool) -> None:
        to = Connection(
            name="Silent",
            urls=(f"{scheme}://127.0.0.1:{silent_port}",),
            search_base="dc=example",
            start_tls=start_tls,
            connect_timeout=1,
            operation_timeout=1,
        )

        refused = failure(to)

        assert "no answer within 1 second" in str(refused)

    @pytest.mark.parametrize("after", [0, 5, 15])
    def test_in_the_middle_of_an_entry_ends_in_a_time_out(self, after: int) -> None:
        with FakeDirectory(PEOPLE, stall_inside=after) as server:
            refused = failure(fake(server))

        assert f"no answer within 1 second after {after} entries" in str(refused)

    @pytest.mark.parametrize("after", [0, 5, 10, 25])
    def test_of_a_lost_connection_is_an_error(self, after: int) -> None:
        with FakeDirectory(PEOPLE, hang_up_after=after) as server:
            refused = failure(fake(server))

        assert "Can't contact LDAP server" in str(refused)
        assert server.requests.count("bind") == 1

    @pytest.mark.parametrize("encrypted", [False, True])
    def test_of_a_killed_slapd_is_an_error(self, encrypted: bool) -> None:
        with Directory(ldif=people(3000), certificate="good") as directory:
            urls = (directory.ldaps_url if encrypted else directory.url,)
            pages = read_pages(connection_to(directory, urls=urls, page_size=100))
            next(pages)
            directory.kill()

            with pytest.raises(DirectoryUnavailable, match="Can't contact LDAP server"):
                list(pages)


class TestRanges:
    def test_are_read_to_the_end(self) -> None:
        groups = [b"cn=g%d" % number for number in range(4321)]
        entries = [("uid=jane,dc=example", {"uid": [b"jane"], "memberOf": groups}), *PEOPLE]

        with FakeDirectory(entries, range_size=1500) as server:
            found = read(fake(server))

        assert dict(found[0].attributes) == {"uid": ("jane",), "memberOf": tuple(group.decode() for group in groups)}
        assert len(found) == 31

    def test_that_fit_at_once_keep_their_name(self) -> None:
        entries = [("cn=g,dc=example", {"member": [b"cn=a", b"cn=b"]})]

        with FakeDirectory(entries, range_size=2) as server:
            [entry] = read(fake(server))

        assert dict(entry.attributes) == {"member": ("cn=a", "cn=b")}


class TestReferrals:
    def test_are_listed_and_not_followed(self) -> None:
        with (
            FakeDirectory(PEOPLE) as other,
            FakeDirectory(PEOPLE, references=[f"{other.url}/dc=example"]) as server,
            open_reading(ReadingRequest(fake(server))) as reading,
        ):
            count = sum(map(len, reading))

        assert (count, reading.complete, reading.referrals) == (30, True, [f"{other.url}/dc=example"])
        assert other.received == b""

    def test_are_followed_with_the_same_credentials(self) -> None:
        others = [("uid=far,dc=far", {"uid": [b"far"]})]
        with (
            FakeDirectory(others, base="dc=far") as far,
            FakeDirectory(PEOPLE, references=[f"{far.url}/dc=far??sub"]) as server,
            open_reading(ReadingRequest(fake(server, follow_referrals=True))) as reading,
        ):
            names = [entry.dn for page in reading for entry in page]

        assert len(names) == 31
        assert names[-1] == "uid=far,dc=far"
        assert reading.referrals == []
        assert far.passwords == [b"geheim-4711"]

    def test_that_lead_in_a_circle_end(self) -> None:
        with FakeDirectory(PEOPLE) as server:
            server.references = [f"{server.url}/dc=example??sub"]

            assert len(read(fake(server, follow_referrals=True))) == 30

    def test_that_lead_ever_further_end(self) -> None:
        with FakeDirectory() as server:
            chain = iter(range(1000))

            class Further(list[str]):
                def __iter__(self) -> Iterator[str]:
                    return iter([f"{server.url}/dc=example??sub?(cn={next(chain)})"])

            server.references = Further()
            refused = failure(fake(server, follow_referrals=True))

        assert "More than 10 referrals" in str(refused)

    def test_that_cannot_be_followed_stop_the_reading(self) -> None:
        dead = f"ldap://127.0.0.1:{free_port()}/dc=far"
        with FakeDirectory(PEOPLE, references=[dead]) as server:
            refused = failure(fake(server, follow_referrals=True))

        assert "A referral can't be followed" in str(refused)

    @pytest.mark.parametrize("url", ["http://127.0.0.1/", "ldapi:///dc=x", "nonsense", "ldap:///dc=x"])
    def test_to_anything_but_ldap_are_only_listed(self, url: str) -> None:
        with (
            FakeDirectory(PEOPLE, references=[url]) as server,
            open_reading(ReadingRequest(fake(server, follow_referrals=True))) as reading,
        ):
            list(reading)

        assert reading.referrals == [url]

    def test_of_the_base_itself_are_an_error_that_says_where_it_is(self) -> None:
        with FakeDirectory(referral="ldap://elsewhere.example.net/dc=example") as server:
            refused = failure(fake(server))

        assert refused.stage == Stage.BASE
        assert "ldap://elsewhere.example.net/dc=example" in str(refused)

    def test_of_the_base_itself_are_followed_where_wanted(self) -> None:
        with FakeDirectory(PEOPLE) as real, FakeDirectory(referral=f"{real.url}/dc=example") as server:
            assert len(read(fake(server, follow_referrals=True))) == 30

    def test_from_an_encrypted_server_are_never_followed_in_clear(self, company: Directory) -> None:
        with FakeDirectory(PEOPLE) as plain:
            ldif = people(2) + to_ldif(
                "ou=Far,dc=example,dc=com",
                {"objectClass": ["referral", "extensibleObject"], "ou": "Far", "ref": f"{plain.url}/dc=example"},
            )
            with Directory(ldif=ldif, certificate="good") as directory:
                refused = failure(connection_to(directory, urls=(directory.ldaps_url,), follow_referrals=True))

        assert "StartTLS" in str(refused)
        assert plain.passwords == []

    def test_of_a_real_slapd_are_listed(self) -> None:
        far = "ldap://127.0.0.1:1/ou=Far,dc=example,dc=com"
        entry = {"objectClass": ["referral", "extensibleObject"], "ou": "Far", "ref": far}
        with (
            Directory(ldif=people(20) + to_ldif("ou=Far,dc=example,dc=com", entry)) as directory,
            open_reading(ReadingRequest(connection_to(directory, page_size=5))) as reading,
        ):
            count = sum(map(len, reading))

        assert (count, reading.referrals) == (20, [f"{far}??sub"])


class TestConnectionTest:
    def test_tells_each_step_that_went_well(self, company: Directory) -> None:
        steps = test_connection(connection_to(company, urls=(company.ldaps_url,)))

        assert [step.stage for step in steps] == ["name", "connect", "TLS", "bind", "base", "filter"]
        assert all(step.ok for step in steps)
        assert "OpenLDAP" in steps[3].detail
        assert steps[5].detail == "250 entries found"

    def test_stops_at_a_wrong_password(self, company: Directory) -> None:
        steps = test_connection(connection_to(company, bind_password="wrong"))

        assert [(step.stage, step.ok) for step in steps] == [("name", True), ("connect", True), ("bind", False)]
        assert steps[-1].detail.startswith("Invalid credentials. Enter the bind DN")

    def test_tries_every_url(self, company: Directory) -> None:
        dead = f"ldap://127.0.0.1:{free_port()}"

        steps = test_connection(connection_to(company, urls=(dead, company.url, dead)))

        assert [step.stage for step in steps if not step.ok] == ["connect", "connect"]
        assert [step.ok for step in steps if step.stage == Stage.FILTER] == [True]

    def test_says_when_nobody_is_found(self, company: Directory) -> None:
        steps = test_connection(connection_to(company, search_filter="(objectClas=person)"))

        assert (steps[-1].stage, steps[-1].ok) == (Stage.FILTER, False)

    def test_names_the_make_of_the_server(self) -> None:
        root = {"vendorName": [b"389 Project"], "vendorVersion": [b"389-Directory/2.4"]}
        with FakeDirectory([("dc=example", {"dc": [b"example"]}), *PEOPLE], root=root) as server:
            steps = test_connection(fake(server))

        assert "389 Project 389-Directory/2.4" in next(step.detail for step in steps if step.stage == Stage.BIND)

    def test_tells_a_bad_setting_without_any_network(self) -> None:
        with FakeDirectory() as server:
            [step] = test_connection(fake(server, search_filter="(cn="))

        assert (step.stage, step.ok, server.received) == (Stage.FILTER, False, b"")


class TestFirstEntries:
    def test_are_as_many_as_wanted(self, company: Directory) -> None:
        entries = first_entries(connection_to(company), limit=4)

        assert len(entries) == 4

    def test_are_all_where_there_are_fewer(self, company: Directory) -> None:
        entries = first_entries(connection_to(company, search_filter="(uid=u0000*)"))

        assert len(entries) == 9


class TestSlapdAgrees:
    @pytest.mark.parametrize("text", ["(&)", "(|)", "(cn=*)", "(& (cn=a)\n (sn=b) )", "(cn:dn:=x)", r"(cn=\2a)"])
    def test_with_the_filters_that_are_accepted(self, company: Directory, text: str) -> None:
        assert check_filter(text) is None
        read(connection_to(company, search_filter=text))
