"""OpenLDAP's glued branches: a second search page by page on one connection loses entries, so it takes a fresh one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from directory.ldap.absence.absence_check import AbsenceCheck
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.ldap import AttributeMapping, Connection, MissingUser
from tests.connections import connection_to
from tests.glued import GluedDirectory

# A branch ends where a page ends: that is when slapd forgets that a search is over.
EACH, PAGE = 30, 10


@pytest.fixture(scope="module")
def glued() -> Iterator[GluedDirectory]:
    with GluedDirectory(EACH, certificate=True) as directory:
        yield directory


def connection(directory: GluedDirectory, **settings: Any) -> Connection:
    return connection_to(directory, **{"page_size": PAGE} | settings)


@pytest.mark.parametrize("page_size", [7, PAGE, 15, EACH, 1000])
def test_are_read_and_counted_again_whatever_the_page_size(glued: GluedDirectory, page_size: int) -> None:
    with open_reading(ReadingRequest(connection(glued, page_size=page_size))) as reading:
        names = {entry.values("uid")[0] for page in reading for entry in page}

    assert len(names) == reading.entries == 2 * EACH
    assert reading.proof
    assert reading.proof.counted in {None, 2 * EACH}


def test_are_read_and_counted_again_over_tls(glued: GluedDirectory) -> None:
    by_tls = connection(glued, urls=(glued.ldaps_url,), ca_certificate=glued.ca_certificate)

    with open_reading(ReadingRequest(by_tls)) as reading:
        list(reading)

    assert reading.proof
    assert (reading.proof.counted, reading.proof.encrypted) == (2 * EACH, True)


def test_are_read_whole_after_the_newest_time_stamp_was_looked_for(glued: GluedDirectory) -> None:
    with open_reading(ReadingRequest(connection(glued), now=datetime.now(UTC))) as reading:
        names = [entry.values("uid")[0] for page in reading for entry in page]

    assert len(names) == 2 * EACH
    assert reading.extent.position is not None


def test_hide_nobody_from_whoever_asks_for_several_batches(glued: GluedDirectory) -> None:
    east, west = (
        [MissingUser(user_id=number, username=f"{name}{number:03}") for number in range(1, EACH + 1)]
        for name in ("east", "west")
    )

    with AbsenceCheck(connection(glued), AttributeMapping()) as absence_check:
        # The one that slapd goes on from first.
        first, second = absence_check.look_for(west), absence_check.look_for(east)

    assert {place.absent for place in (*first.values(), *second.values())} == {False}
    assert all("found after all" in place.sentence for place in second.values())
