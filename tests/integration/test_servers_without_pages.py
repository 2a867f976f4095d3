"""Servers that send no pages, or only so many entries: what they are read by, and what the run says where that fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from directory.ldap.absence.absence_check import AbsenceCheck
from directory.ldap.connection_test.connection_test import test_connection
from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.reading.whole_reading import Reading, open_reading
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.ldap import AttributeMapping, Connection, MissingUser
from tests.connections import connection_to, connection_to_fake
from tests.directories import Directory, people
from tests.fake_ldap import PAGED_RESULTS, FakeDirectory
from tests.proxies import Proxy
from tests.server_process import free_port

COUNT = 620
SETTING = 'tick "This server can\'t page"'
PEOPLE = [(f"uid=u{number},dc=example", {"uid": [b"u%d" % number]}) for number in range(30)]


@pytest.fixture(scope="module")
def behind() -> Iterator[Directory]:
    with Directory(ldif=people(COUNT)) as directory:
        yield directory


def connection(directory: Directory, **settings: Any) -> Connection:
    return connection_to(directory, **{"page_size": 100} | settings)


def whole(to: Connection) -> Reading:
    with open_reading(ReadingRequest(to)) as reading:
        list(reading)
    return reading


def failure(to: Connection) -> str:
    with pytest.raises(DirectoryUnavailable) as caught:
        whole(to)
    return str(caught.value)


class TestBackMeta:
    def test_is_read_at_once_and_counted_again_where_the_server_cannot_page(self, behind: Directory) -> None:
        with Proxy("meta", behind) as proxy:
            reading = whole(connection(proxy, cannot_page=True))

        assert reading.proof
        assert (reading.entries, reading.proof.counted, reading.proof.paged) == (COUNT, COUNT, False)

    def test_is_refused_with_the_name_of_the_setting_while_pages_are_asked_for(self, behind: Directory) -> None:
        with Proxy("meta", behind) as proxy:
            message = failure(connection(proxy))

        assert "left out the paging control" in message
        assert SETTING in message

    def test_is_asked_for_single_people_too(self, behind: Directory) -> None:
        with (
            Proxy("meta", behind) as proxy,
            AbsenceCheck(connection(proxy, cannot_page=True), AttributeMapping()) as check,
        ):
            found = check.look_for([MissingUser(1, "u00007"), MissingUser(2, "nobody")])

        assert "found after all" in found[1].sentence
        assert found[2].absent

    def test_passes_every_step_of_a_test(self, behind: Directory) -> None:
        with Proxy("meta", behind) as proxy:
            steps = test_connection(connection(proxy, cannot_page=True))

        assert [step for step in steps if not step.ok] == []
        assert steps[-1].detail == f"{COUNT} entries found"


class TestBackMetaWithAServerBehindItThatIsDown:
    """Its searches end in success then, and it says of that server's people that they are not there (``onerr continue``)."""

    def test_takes_nobody_of_that_server_for_absent(self, behind: Directory) -> None:
        west = f"ou=West,{behind.base}"
        with Proxy("meta", behind, branch=(west, f"ldap://127.0.0.1:{free_port()}")) as proxy:
            to = connection(proxy, cannot_page=True)
            assert whole(to).complete
            lost = MissingUser(1, "w1", dn=f"uid=w1,{west}")
            elsewhere = MissingUser(2, "nobody", dn=f"uid=nobody,ou=People,{behind.base}")
            newcomer = MissingUser(3, "new", never_found=True)
            with AbsenceCheck(to, AttributeMapping(), neighbours=self.neighbours, lost=lambda: [lost]) as check:
                found = check.look_for([lost, elsewhere, newcomer])

        assert [found[pk].absent for pk in (1, 2, 3)] == [False, True, False]
        assert "the bind DN sees nobody else in the branch ou=West" in found[1].sentence
        assert "others of ou=People" in found[2].sentence

    def neighbours(self, branch: str) -> list[str]:
        return [f"uid=u00001,{branch}"] if "People" in branch else []


def test_are_read_whole_each_time(behind: Directory) -> None:
    now = datetime.now(UTC)
    with Proxy("meta", behind) as proxy:
        to = connection(proxy, cannot_page=True)
        with open_reading(ReadingRequest(to, now=now)) as first:
            list(first)
        with open_reading(ReadingRequest(to, since=first.extent.position, now=now)) as second:
            list(second)

    assert first.extent.position
    assert (second.extent.since, second.entries) == (None, COUNT)
    assert second.extent.why_full == "the server can't page, and may be several servers in one"


@pytest.mark.parametrize(("kind", "cannot_page"), [("ldap", False), ("ldap", True), ("meta", True)])
def test_a_proxys_own_size_limit_fails_the_reading_and_says_what_to_do(
    kind: Any, cannot_page: bool, behind: Directory
) -> None:
    with Proxy(kind, behind, limit="") as proxy:
        message = failure(connection(proxy, cannot_page=cannot_page))

    assert "Size limit exceeded" in message
    assert "500 entries" in message
    assert "a proxy has a limit of its own, 500 unless sizelimit says otherwise" in message


@pytest.mark.parametrize("cannot_page", [False, True])
def test_a_proxy_without_a_limit_is_read_to_the_end(cannot_page: bool, behind: Directory) -> None:
    with Proxy("ldap", behind) as proxy:
        reading = whole(connection(proxy, cannot_page=cannot_page))

    assert reading.proof
    assert (reading.entries, reading.proof.counted) == (COUNT, COUNT)


@pytest.fixture(scope="module")
def forbidding() -> Iterator[Directory]:
    """Give a server that allows nobody any pages."""
    with Directory(ldif=people(40), limits="size.prtotal=disabled") as directory:
        yield directory


class TestAServerThatAllowsNoPages:
    def test_is_refused_with_the_name_of_the_setting(self, forbidding: Directory) -> None:
        message = failure(connection(forbidding))

        assert "pagedResults control not allowed" in message
        assert SETTING in message

    def test_is_read_at_once_with_the_setting(self, forbidding: Directory) -> None:
        reading = whole(connection(forbidding, cannot_page=True))

        assert reading.proof
        assert (reading.entries, reading.proof.counted) == (40, 40)

    def test_is_explained_by_a_test_of_the_connection(self, forbidding: Directory) -> None:
        [failed] = [step for step in test_connection(connection(forbidding)) if not step.ok]

        assert failed.stage == Stage.SEARCH
        assert SETTING in failed.detail


def test_a_size_limit_without_pages_says_which_limit_to_raise() -> None:
    with Directory(ldif=people(40), limits="size=30") as directory:
        message = failure(connection(directory, cannot_page=True))

    assert "Size limit exceeded after 30 entries" in message
    assert "raise its size limit for the bind DN" in message


def test_the_control_that_is_listed_and_refused_names_the_setting() -> None:
    with FakeDirectory(search_result=(12, "")) as server:
        message = failure(connection_to_fake(server))

    assert SETTING in message


def test_pages_are_asked_for_where_the_control_is_not_listed() -> None:
    root = {"supportedControl": [b"1.2.840.113556.1.4.417"]}
    with FakeDirectory(PEOPLE, root=root) as server:
        reading = whole(connection_to_fake(server))

    assert reading.proof
    assert (reading.entries, reading.pages_read, reading.proof.paged) == (30, 3, True)


def test_what_came_without_pages_is_counted_again_where_the_control_is_not_listed() -> None:
    root = {"supportedControl": [b"1.2.840.113556.1.4.417"]}
    with FakeDirectory(PEOPLE, root=root, paging=False) as server:
        reading = whole(connection_to_fake(server))

    assert reading.proof
    assert (reading.entries, reading.pages_read, reading.proof.counted) == (30, 1, 30)
    assert PAGED_RESULTS in server.received


def test_a_second_answer_that_is_another_one_fails_what_came_without_pages(behind: Directory) -> None:
    with (
        FakeDirectory(PEOPLE, paging=False) as server,
        open_reading(ReadingRequest(connection_to_fake(server, cannot_page=True))) as reading,
    ):
        pages = reading.pages()
        next(pages)
        server.entries = PEOPLE[:10]
        with pytest.raises(DirectoryUnavailable, match="20 of them are gone by now"):
            list(pages)

    assert not reading.complete
