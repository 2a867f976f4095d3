"""Random histories of companies on real servers: after each run of changes a reading of everything has nothing left to do."""

from __future__ import annotations

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.servers import active_directory, histories, netscape, openldap, table
from tests.servers.histories import SETTINGS

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.timeout(1800)]
# So many are tried at a time, so that several processes share them.
PART = 10
COMPANIES = {
    "Samba AD": active_directory.domain,
    "389-ds": netscape.instance,
    "OpenLDAP memberof": lambda: openldap.memberof(syncprov=True),
    "OpenLDAP dynlist": lambda: openldap.dynlist(syncprov=False),
    "Samba AD, groups resolved": lambda: active_directory.domain(resolved=True),
    "OpenLDAP memberof, groups resolved": lambda: openldap.memberof(syncprov=True, resolved=True),
}


def _carry_out(make: str, count: int, chance: int) -> None:
    machine = seed(chance)(histories.of(COMPANIES[make]))
    before, held = histories.COUNTED["compared"], False
    try:
        run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=count))
        held = True
    finally:
        table.note_histories(make, count, histories.COUNTED["compared"] - before, failed=not held)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        pytest.param("OpenLDAP memberof", 2, id="memberof"),
        pytest.param("OpenLDAP dynlist", 1, id="dynlist"),
        pytest.param("Samba AD", 1, id="samba"),
        pytest.param("389-ds", 1, id="389-ds"),
        pytest.param("OpenLDAP memberof, groups resolved", 1, id="memberof-resolved"),
        pytest.param("Samba AD, groups resolved", 1, id="samba-resolved"),
    ],
)
def test_in_a_few_histories_changes_say_what_everything_says(make: str, count: int) -> None:
    _carry_out(make, count, 1000)


@pytest.mark.directories
@pytest.mark.parametrize("part", range(3))
def test_in_30_histories_on_samba(part: int) -> None:
    _carry_out("Samba AD", PART, part)


@pytest.mark.directories
@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("make", ["Samba AD", "OpenLDAP memberof"])
def test_in_30_histories_with_groups_resolved(make: str, part: int) -> None:
    _carry_out(f"{make}, groups resolved", PART, part)


@pytest.mark.directories
@pytest.mark.parametrize("part", range(3))
def test_in_30_histories_on_389_ds(part: int) -> None:
    _carry_out("389-ds", PART, part)


@pytest.mark.directories
@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("overlay", ["memberof", "dynlist"])
def test_in_200_histories_on_slapd(overlay: str, part: int) -> None:
    _carry_out(f"OpenLDAP {overlay}", PART, part)
