"""Entries and servers of a kind that no slapd can be made to be: each is dealt with by itself, or stops the run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from directory.invariants import broken
from directory.models import RunState
from directory.values.plan import Outcome
from orgs.models import User
from tests.catalogue import Row, noted
from tests.fake_ldap import FakeDirectory
from tests.faults.ldap_world import AFTERNOON, first_often, outcome_of
from tests.state import Rows, changed_users, lost, snapshot
from tests.worlds import again, change_of, ldap_server, simulate, sync, user

pytestmark = pytest.mark.django_db

FAKE = "a small LDAP server of our own"
PEOPLE = 12
GROUPS = [b"cn=group %d,dc=example" % number for number in range(1600)]
ROLES = """function (entry) {
  return entry.memberOf && entry.memberOf.indexOf("cn=group 1599,dc=example") >= 0 ? ["Org Admin"] : null
}"""

Entry = tuple[str, dict[str, Sequence[bytes]]]


def person(number: int, **attributes: Sequence[bytes]) -> Entry:
    """Return the entry of one of the users."""
    name = f"p{number:02}"
    values = {
        "objectClass": [b"person"],
        "uid": [name.encode()],
        "sn": [b"Doe"],
        "entryUUID": [str(uuid.uuid5(uuid.NAMESPACE_DNS, name)).encode()],
    }
    return f"uid={name},dc=example", {**values, **attributes}


@dataclass
class Fakes:
    """A dozen users in step with a server of our own; ``before`` is what Rollcall holds of them."""

    server: FakeDirectory
    users: dict[str, User] = field(default_factory=dict)
    before: Rows = field(default_factory=dict)

    def settle(self) -> None:
        """Make the users and bring them in step."""
        self.users = {f"p{number:02}": user(f"p{number:02}") for number in range(1, PEOPLE + 1)}
        settings: dict[str, Any] = {"search_base": self.server.base, "page_size": 10, "role_name_script": ROLES}
        ldap_server(self.server.url, bind_dn="cn=reader", bind_password="geheim-4711", **settings)
        simulate()
        assert sync().state == RunState.APPLIED
        self.before = snapshot()

    def replace(self, number: int, **attributes: Sequence[bytes]) -> None:
        """Give one of the entries other attributes."""
        entries = list(self.server.entries)
        entries[number - 1] = person(number, **attributes)
        self.server.entries = entries

    def saw(self, row: Row, result: str, *, rightly: Sequence[str] = ()) -> None:
        """Note what a run did; nobody may have changed but who is named."""
        now = snapshot()
        intended = {self.users[name].pk for name in rightly}
        wrong = changed_users(self.before, now) - intended
        row.saw(result, wrongly_changed=len(wrong), lost=lost(self.before, now))
        assert not broken(at=AFTERNOON)


@pytest.fixture
def fakes(db: None) -> Iterator[Fakes]:
    """Give a dozen users in step with their server."""
    with FakeDirectory([person(number) for number in range(1, PEOPLE + 1)]) as server:
        made = Fakes(server)
        made.settle()
        yield made


def test_a_ranged_attribute_is_read_to_its_end(fakes: Fakes) -> None:
    with noted(
        "faults",
        "LDAP: 1,600 groups of one user, 1,500 at a time",
        how=f"{FAKE} that answers memberOf;range=0-1499",
        expected="all 1,600 seen: the role of the last one is granted",
    ) as row:
        fakes.server.range_size = 1500
        fakes.replace(7, memberOf=GROUPS)
        run = sync()

        assert run.state == RunState.APPLIED
        assert set(again(fakes.users["p07"]).roles.values_list("name", flat=True)) == {"Org Admin"}
        fakes.saw(row, "applied; p07 is Org Admin by the last of 1,600 groups", rightly=["p07"])


ODD: Mapping[str, Mapping[str, Sequence[bytes]]] = {
    "an attribute that is not UTF-8": {"description": [b"\xff\xfe caf\xe9"]},
    "an attribute with NUL and control characters": {"description": [b"a\0b\x1b[2J\r\n"]},
    "an attribute of 1 MB": {"jpegPhoto": [b"\xff" * 1_000_000]},
    "a text of 1 MB": {"description": [b"x" * 1_000_000]},
    "50,000 values of one attribute": {"memberUid": [b"u%d" % number for number in range(50_000)]},
    "2,000 attributes": {f"attribute{number}": [b"x"] for number in range(2000)},
    "an empty value": {"description": [b""]},
    "an attribute without values": {"description": []},
    "names that JavaScript knows": {"constructor": [b"x"], "__proto__": [b"x"], "toString": [b"x"]},
}


NAMES = {"not UTF-8": b"p07\xff", "with NUL": b"p0\x007", "of 100,000 letters": b"p" * 100_000}


@pytest.mark.parametrize("name", first_often(ODD))
def test_an_odd_entry_disturbs_nobody(fakes: Fakes, name: str) -> None:
    with noted("faults", f"LDAP: {name}", how=f"an entry from {FAKE}", expected="applied, nobody changed") as row:
        fakes.replace(7, **ODD[name])
        run = sync()

        assert run.state == RunState.APPLIED
        result = " ".join(run.changes.filter(username="p07").values_list("outcome", flat=True))
        assert result in {"", Outcome.UNCHANGED, Outcome.SCRIPT_ERROR}
        fakes.saw(row, f"applied; its user: {result or Outcome.UNCHANGED}")


@pytest.mark.parametrize("name", first_often(NAMES))
def test_an_odd_username_is_no_name(fakes: Fakes, name: str) -> None:
    with noted(
        "faults", f"LDAP: a username {name}", how=f"an entry from {FAKE}", expected="applied or listed, nobody renamed"
    ) as row:
        fakes.replace(7, uid=[NAMES[name]])
        run = sync()

        assert run.state == RunState.APPLIED
        assert again(fakes.users["p07"]).username == "p07"
        fakes.saw(row, "applied; p07 is still called so")


@pytest.mark.whole
def test_two_entries_for_one_user_change_nobody(fakes: Fakes) -> None:
    with noted(
        "faults", "LDAP: two entries with one username", how=f"entries from {FAKE}", expected="a conflict, listed"
    ) as row:
        _, twin = person(7, entryUUID=[str(uuid.uuid4()).encode()])
        fakes.server.entries = [*fakes.server.entries, ("uid=p07,ou=Other,dc=example", twin)]
        run = sync()

        assert change_of(run, "p07").outcome == Outcome.CONFLICT
        fakes.saw(row, f"applied; p07: {change_of(run, 'p07').steps[-1]}")


STOPPING: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "no paging, and a size limit": (
        {"paging": False, "root": {"supportedControl": [b"1.2.3"]}, "search_result": (4, "there are others")},
        "there are others",
    ),
    "paging promised and not done": ({"paging": False}, "paging control"),
    "pages without an end": ({"endless_cookie": True}, "empty pages"),
    "a bind taken for an anonymous one": ({"whoami": ""}, "anonymous"),
    "the search base is said to be elsewhere": ({"referral": "ldap://127.0.0.1:1/dc=example"}, "refers to"),
    "every page is too large": ({"largest_page": 3}, "page too large"),
}


@pytest.mark.parametrize("name", first_often(STOPPING))
def test_a_server_that_shows_only_a_part_fails_the_run(fakes: Fakes, name: str) -> None:
    settings, words = STOPPING[name]
    with noted("faults", f"LDAP: {name}", how=FAKE, expected="failed, nobody changed; the next run is right") as row:
        usual = {key: getattr(fakes.server, key) for key in settings}
        for key, value in settings.items():
            setattr(fakes.server, key, value)
        run = sync()
        for key, value in usual.items():
            setattr(fakes.server, key, value)

        assert run.state == RunState.FAILED
        assert words in run.error
        fakes.saw(row, outcome_of(run))
        assert sync().state == RunState.APPLIED
        assert not changed_users(fakes.before, snapshot())
