"""Referrals to parts of a directory without people, or that are left out on purpose: neither followed nor missed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory.ldap.reading.whole_reading import Reading, open_reading
from directory.ldap.search.reading_request import ReadingRequest
from directory.ldap.search.referrals import is_left_out, may_hold_people
from directory.values.ldap import Connection
from directory.values.plan import Outcome
from tests.directories import Directory
from tests.fake_ldap import FakeDirectory
from tests.integration.employer import Employer
from tests.server_process import free_port
from tests.worlds import change_of, simulate, user

PEOPLE = [(f"uid=u{number},dc=example", {"uid": [b"u%d" % number]}) for number in range(5)]
CHILD = "DC=child,DC=corp,DC=example"


@pytest.mark.parametrize(
    "dn",
    [
        "CN=Configuration,DC=corp,DC=example",
        "CN=Schema,CN=Configuration,DC=corp,DC=example",
        "DC=DomainDnsZones,DC=corp,DC=example",
        "DC=ForestDnsZones,DC=corp,DC=example",
        "cn=configuration , dc = corp , dc = example",
        "2.5.4.3=Configuration,DC=corp",
        "OID.2.5.4.3=Configuration,DC=corp",
        r"CN=\43onfiguration,DC=corp",
        r"cn=Con\figuration,dc=corp",
        "CN=%43onfiguration,DC=corp",
        "CN%3DConfiguration%2CDC%3Dcorp",
        "domainComponent=DomainDnsZones,DC=corp",
        "CN=Configuration%20,DC=corp??sub",
    ],
)
def test_partitions_without_people_are_known_however_they_are_spelled(dn: str) -> None:
    assert not may_hold_people(f"ldap://dc1.corp.example:389/{dn}")


@pytest.mark.parametrize(
    "dn",
    [
        CHILD,
        "",
        "CN=Configurations,DC=corp",
        "CN=Configuration",
        "CN=Configuration,O=Example",
        "OU=Configuration,DC=corp",
        "CN=Users,CN=Configuration,DC=corp",
        "CN=Configuration+OU=Staff,DC=corp",
        "DC=child%2CDC=DomainDnsZones,DC=corp",
    ],
)
def test_whatever_else_is_referred_to_may_hold_people(dn: str) -> None:
    assert may_hold_people(f"ldap://dc1.corp.example/{dn}")


@pytest.mark.parametrize(
    ("dn", "is_so"),
    [
        (CHILD, True),
        ("dc=CHILD, dc=corp, dc=example", True),
        (r"DC=\63hild,DC=corp,DC=example", True),
        ("DC%3dchild,DC=corp,DC=example", True),
        (f"OU=Staff,{CHILD}", True),
        ("DC=corp,DC=example", False),
        ("DC=grandchild,DC=corp,DC=example", False),
        ("", False),
    ],
)
def test_a_context_is_left_out_with_all_that_is_below_it(dn: str, is_so: bool) -> None:
    assert is_left_out(f"ldap://child.corp.example/{dn}??sub", [CHILD]) is is_so


def reading_of(server: FakeDirectory, **settings: object) -> Reading:
    values: dict[str, object] = {"name": "Fake", "urls": (server.url,), "search_base": server.base}
    with open_reading(ReadingRequest(Connection(**values | settings))) as reading:  # type: ignore[arg-type]
        list(reading)
    return reading


@pytest.mark.parametrize("follow", [False, True])
def test_nobody_is_asked_or_warned_where_nobody_is(follow: bool) -> None:
    dead = f"ldap://127.0.0.1:{free_port()}"
    urls = [f"{dead}/CN=Configuration,DC=example", f"{dead}/DC=DomainDnsZones,DC=example", f"{dead}/{CHILD}??sub"]
    with FakeDirectory(PEOPLE, references=urls) as server:
        reading = reading_of(server, follow_referrals=follow, left_out_contexts=(CHILD,))

    assert reading.proof
    assert (reading.entries, reading.referrals, reading.left_out) == (5, [], [urls[2]])


def test_what_is_not_left_out_is_still_followed() -> None:
    with FakeDirectory([("uid=far,dc=far", {"uid": [b"far"]})], base="dc=far") as far:
        references = [f"ldap://127.0.0.1:{free_port()}/{CHILD}", f"{far.url}/dc=far"]
        with FakeDirectory(PEOPLE, references=references) as server:
            reading = reading_of(server, follow_referrals=True, left_out_contexts=(CHILD,))

    assert (reading.entries, reading.left_out) == (6, references[:1])


@pytest.mark.django_db
class TestARun:
    @pytest.fixture
    def employer(self) -> Iterator[Employer]:
        with Directory() as directory:
            employer = Employer(directory)
            employer.hires("mia")
            user("mia", last_name="Mia")
            user("sean")
            referral = {
                "objectClass": ["referral", "extensibleObject"],
                "ref": "ldap://child.example.com/ou=a,dc=child",
            }
            directory.add(f"ou=away,{directory.base}", referral)
            yield employer

    def test_takes_people_for_absent_beside_what_is_left_out_and_names_that(self, employer: Employer) -> None:
        employer.server(left_out_contexts=["dc=Child"])

        run = simulate()

        assert change_of(run, "sean").outcome == Outcome.PLANNED
        assert run.incomplete == []
        assert [text for text in run.warnings if "child.example.com" in text] == [
            "Corp: 1 referral is left out as the settings say: ldap://child.example.com/ou=a,dc=child??sub"
        ]

    def test_leaves_them_unchecked_otherwise(self, employer: Employer) -> None:
        employer.server(left_out_contexts=["dc=other"])

        run = simulate()

        assert change_of(run, "sean").outcome == Outcome.NOT_CHECKED
        assert any("1 referral was not followed" in text for text in run.warnings)
